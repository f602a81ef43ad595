/**
 * Clients for tests of tunnels, with full control of what is sent: node:http, node:http2 and our own HTTP/3 machine,
 * with CONNECT and with each version's mechanism for other protocols.
 */
import { once } from "node:events";
import { request as http1Request, type IncomingMessage } from "node:http";
import { connect as connectHttp2, constants } from "node:http2";
import { connect as connectTcp } from "node:net";
import { Duplex } from "node:stream";
import { connect as connectTls } from "node:tls";
import type { HttpVersion } from "../exchange.ts";
import { openHttp3Tunnel } from "./http3-tunnel.ts";
import { TARGET, type TestTunnel, type TunnelClientOptions } from "./test-tunnel.ts";

async function openHttp1({
  port,
  protocol,
  headers = {},
  path = "/chat",
  onClose,
}: TunnelClientOptions): Promise<TestTunnel> {
  // TLS on our own TCP socket, because only that can be reset.
  const tcp = connectTcp(port, "127.0.0.1");
  const socket = connectTls({ socket: tcp, rejectUnauthorized: false, ALPNProtocols: ["http/1.1"] });
  socket.allowHalfOpen = true;
  tcp.allowHalfOpen = true;
  let error: Error | undefined;
  for (const each of [tcp, socket]) {
    each.on("error", (reason) => {
      error = reason;
    });
  }
  const isReset = (): boolean => error !== undefined;
  onClose(() => tcp.destroy());
  await once(socket, "secureConnect");
  const request = http1Request({
    createConnection: () => socket,
    ...(protocol === undefined
      ? { method: "CONNECT", path: TARGET }
      : {
          path,
          headers: { host: `localhost:${port}`, connection: "Upgrade", upgrade: protocol, ...headers },
        }),
  });
  request.end();
  const cutOff = (): void => void tcp.resetAndDestroy();
  return new Promise((resolve, reject) => {
    request.on("error", reject);
    const onTunnel = ({ statusCode, headers }: IncomingMessage, _socket: unknown, head: Uint8Array): void => {
      if (head.length > 0) socket.unshift(head);
      resolve({ status: statusCode!, headers, stream: socket, cutOff, isReset });
    };
    request.on("connect", onTunnel);
    request.on("upgrade", onTunnel);
    request.on("response", (message) => {
      const stream = Duplex.from({ readable: message });
      resolve({ status: message.statusCode!, headers: message.headers, stream, cutOff, isReset });
    });
  });
}

async function openHttp2({
  port,
  protocol,
  headers = {},
  path = "/chat",
  onClose,
}: TunnelClientOptions): Promise<TestTunnel> {
  const session = connectHttp2(`https://127.0.0.1:${port}`, { rejectUnauthorized: false });
  session.on("error", () => undefined);
  onClose(() => session.destroy());
  await once(session, "remoteSettings");
  const stream = session.request(
    protocol === undefined
      ? { ":method": "CONNECT", ":authority": TARGET }
      : {
          ":method": "CONNECT",
          ":protocol": protocol,
          ":scheme": "https",
          ":authority": `localhost:${port}`,
          ":path": path,
          ...headers,
        },
    { endStream: false },
  );
  stream.on("error", () => undefined);
  // `close` would send END_STREAM before RST_STREAM.
  const cutOff = (): void => void stream.destroy(new Error("the test resets the tunnel"));
  const response = once(stream, "response");
  const [received] = (await response) as [Record<string, string>];
  return {
    status: Number(received[":status"]),
    headers: received,
    stream,
    cutOff,
    isReset: () => stream.rstCode !== constants.NGHTTP2_NO_ERROR,
  };
}

export interface TunnelKind {
  readonly version: HttpVersion;
  readonly protocol: string | undefined;
  readonly open: (ask: TunnelClientOptions) => Promise<TestTunnel>;
}

const WEBSOCKET = "websocket";

export const TUNNEL_KINDS: readonly (readonly [string, TunnelKind])[] = [
  ["CONNECT in HTTP/1.1", { version: "http/1.1", protocol: undefined, open: openHttp1 }],
  ["Upgrade in HTTP/1.1", { version: "http/1.1", protocol: WEBSOCKET, open: openHttp1 }],
  ["CONNECT in HTTP/2", { version: "h2", protocol: undefined, open: openHttp2 }],
  ["extended CONNECT in HTTP/2", { version: "h2", protocol: WEBSOCKET, open: openHttp2 }],
  ["CONNECT in HTTP/3", { version: "h3", protocol: undefined, open: openHttp3Tunnel }],
  ["extended CONNECT in HTTP/3", { version: "h3", protocol: WEBSOCKET, open: openHttp3Tunnel }],
];
