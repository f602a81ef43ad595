/** Agents of node:http and node:https, and undici, on a host of our own. */

import type { Agent } from "node:http";
import type { ConnectionOptions } from "node:tls";
import type { Socket } from "../client/stream-attempt.ts";
import { type UndiciConnection, undiciTarget } from "../client/undici-connection.ts";
import { type Fault, guard } from "../guard.ts";
import type { TcpConnectOptions } from "./connect-arguments.ts";
import type { TcpSocket } from "./tcp-socket.ts";

export type OpenSocket = (options: TcpConnectOptions) => TcpSocket;

type AgentCallback = (error: Error | null, socket?: Socket) => void;

interface OpenAgent {
  readonly protocol?: string;
  createConnection(options: TcpConnectOptions & { readonly socket?: unknown }, callback?: AgentCallback): unknown;
}

/** Makes an agent open its connections on the host. TLS stays the agent's, with its sessions and options. */
export function attachAgent<A extends Agent>(agent: A, open: OpenSocket): A {
  const opened = agent as unknown as OpenAgent;
  const previous = opened.createConnection.bind(agent);
  opened.createConnection = (options, callback) => {
    if (options.socket !== undefined) return previous(options, callback);
    const socket = open(options);
    return opened.protocol === "https:" ? previous({ ...options, socket }, callback) : socket;
  };
  return agent;
}

/** What `undiciConnect` takes. */
export interface UndiciOptions {
  /** For `node:tls`: `ca`, `rejectUnauthorized` and so on. */
  readonly tls?: ConnectionOptions;
  /** Offers HTTP/2; false by default. */
  readonly allowH2?: boolean;
}

type UndiciCallback = (...result: [error: null, socket: Socket] | [error: Error, socket: null]) => void;

type UndiciConnect = (connection: UndiciConnection, callback: UndiciCallback) => void;

export function undiciConnector(
  open: OpenSocket,
  options: UndiciOptions,
  onFault: (fault: Fault) => void,
): UndiciConnect {
  return (connection, callback) => {
    const { host, port, secure } = undiciTarget(connection, options);
    const { localAddress } = connection;
    const plain = open({ host, port, noDelay: true, ...(localAddress == null ? {} : { localAddress }) });
    const socket = secure?.(plain as unknown as Socket) ?? (plain as unknown as Socket);
    const done = guard("netstack dialled", onFault, () => {
      socket.off("error", fail);
      callback(null, socket);
    });
    const fail = guard("netstack dial failed", onFault, (error: Error) => callback(error, null));
    socket.once(secure === undefined ? "connect" : "secureConnect", done).once("error", fail);
  };
}
