/**
 * CONNECT and Upgrade in HTTP/1.1 (RFC 9110 §7.8, §9.3.6): uses the socket after node:http's parser has released it.
 */
import type { Socket } from "node:net";
import type { FieldSection } from "../../http/index.ts";
import { type Fault, guard } from "../guard.ts";
import type { Http1Upgrade } from "./http1-exchange.ts";
import type { Http1Request } from "./http1-request.ts";
import { Http1Response } from "./http1-response.ts";
import { NodeTunnel } from "./node-tunnel.ts";
import type { OpenTunnels } from "./open-tunnels.ts";

/** Creates a response for a request that has none from Node. The connection closes after it. */
export function responseFor(request: Http1Request, socket: Socket, onFault: (fault: Fault) => void): Http1Response {
  const response = new Http1Response(request);
  response.shouldKeepAlive = false;
  response.assignSocket(socket);
  const end = (fault: Fault): void => {
    socket.destroy();
    onFault(fault);
  };
  response.on(
    "finish",
    guard("http1 upgrade refused", end, () => {
      response.detachSocket(socket);
      response.emit("close");
      socket.destroySoon();
    }),
  );
  return response;
}

export interface UpgradeHost {
  /** Resets the TCP connection. */
  readonly cutOff: () => void;
  readonly tunnels: OpenTunnels;
  readonly onFault: (fault: Fault) => void;
}

/** `arrived` is what followed the head. */
export function upgradeOf(
  request: Http1Request,
  response: Http1Response,
  arrived: Uint8Array,
  host: UpgradeHost,
): Http1Upgrade {
  const { socket } = request;
  let rest = arrived;
  const takeRest = (): Uint8Array => {
    const taken = rest;
    rest = taken.subarray(taken.length);
    return taken;
  };
  const protocol = request.method === "CONNECT" ? undefined : request.lines.upgrade!.split(",")[0]!.trim();
  return {
    offer: { protocol, takeRest },
    open: (fields, onClose) => {
      response.detachSocket(socket);
      socket.setTimeout(0);
      // Each direction ends separately.
      socket.allowHalfOpen = true;
      if (rest.length > 0) socket.unshift(rest);
      socket.write(acceptance(protocol, fields), "latin1");
      return new NodeTunnel({ stream: socket, isEmpty: false, wasCut: () => false, onClose, ...host });
    },
  };
}

function acceptance(protocol: string | undefined, fields: FieldSection): string {
  let head =
    protocol === undefined
      ? "HTTP/1.1 200 OK\r\n"
      : `HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: ${protocol}\r\n`;
  for (const [name, value] of fields) head += `${name}: ${value}\r\n`;
  return `${head}date: ${new Date().toUTCString()}\r\n\r\n`;
}
