/** Brings clients of plain HTTP, and raw TCP clients, to a TLS server of the same process. */
import http from "node:http";
import net, { type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { LateSocket } from "./late-socket.ts";

/** Ports and paths of the servers under test. */
const targets = new Set<number | string>();

/** Accepts what `server.address()` returns. */
export function addTarget(address: unknown): void {
  if (typeof address === "string") targets.add(address);
  else if (address !== null) targets.add((address as { port: number }).port);
}

type Options = Record<string, unknown>;
type Connect = (...given: unknown[]) => Socket;

const isTarget = ({ path, port }: Options): boolean => targets.has(typeof path === "string" ? path : Number(port));

const LISTENING = ["on", "once", "off", "addListener", "prependListener", "removeListener"] as const;

/** Node's own net and tls wait for the TCP connection; all others wait for TLS. */
const isCalledByNet = (): boolean => /^ +at .*node:(?:net|_tls_wrap):/.test(new Error().stack!.split("\n")[3] ?? "");

/** Lets listeners of "connect" and "ready" wait for the end of the handshake. */
function delayConnect(socket: Socket): void {
  let isWithin = false;
  for (const name of LISTENING) {
    const method = socket[name] as (...given: unknown[]) => unknown;
    (socket as unknown as Options)[name] = (event: unknown, ...rest: unknown[]) => {
      // `once` calls `on`.
      const isTranslated = (event === "connect" || event === "ready") && !isWithin && !isCalledByNet();
      isWithin = true;
      try {
        return method.call(socket, isTranslated ? "secureConnect" : event, ...rest);
      } finally {
        isWithin = false;
      }
    };
  }
}

function connectSecurely(options: Options, callback: (() => void) | null): Socket {
  const { servername: _, ...given } = options;
  // Certificates of the tests have any name and issuer.
  const socket = connectTls({ ALPNProtocols: ["http/1.1"], rejectUnauthorized: false, ...given });
  delayConnect(socket);
  if (callback !== null) socket.once("secureConnect", callback);
  return socket;
}

/** Replaces the functions that connect to TCP servers. */
export function redirectClients(): void {
  const connectPlain = net.connect as Connect;
  const normalized = (net as unknown as { _normalizeArgs(given: unknown[]): [Options, (() => void) | null] })
    ._normalizeArgs;
  const connect: Connect = (...given) => {
    const [options, callback] = normalized(given);
    return isTarget(options) ? connectSecurely(options, callback) : connectPlain(...given);
  };
  Object.assign(net, { connect, createConnection: connect });
  const { Socket } = net;
  const construct = (_target: object, given: unknown[], newTarget: unknown): object =>
    // With options, it wraps a handle, or is the base of a subclass.
    newTarget === replaced && given.length === 0
      ? new LateSocket(connect)
      : Reflect.construct(Socket, given, newTarget as never);
  const replaced = new Proxy(Socket, { construct });
  Object.assign(net, { Socket: replaced });
  const agent = http.Agent.prototype as unknown as { createConnection: Connect };
  const { createConnection } = agent;
  agent.createConnection = function (this: unknown, ...given) {
    const [options, callback] = normalized(given);
    return isTarget(options) ? connectSecurely(options, callback) : createConnection.apply(this, given);
  };
}
