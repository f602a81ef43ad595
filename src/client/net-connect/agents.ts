/** Happy Eyeballs for what opens sockets itself: Node's agents, and undici. */

import type { Agent, ConnectionOptions, Socket, TLSSocket } from "../../host/client/stream-attempt.ts";
import { type UndiciConnection, undiciTarget } from "../../host/client/undici-connection.ts";
import { detach, type Fault } from "../../host/guard.ts";
import { type RacingOptions, raceStreams } from "./connect.ts";

type Callback = (error: Error | null, socket?: Socket) => void;

/** What agents pass to `createConnection`. */
interface AgentConnection extends ConnectionOptions {
  readonly host?: string;
  readonly hostname?: string;
  readonly port?: number;
  readonly path?: string;
  readonly localAddress?: string;
}

interface OpenAgent {
  readonly protocol?: string;
  createConnection(options: AgentConnection, callback?: Callback): Socket | undefined;
}

/**
 * Makes an agent of node:http or node:https race the addresses of hosts. TLS remains the agent's, with its sessions and
 * options. Returns the agent.
 */
export function raceAddresses<A extends Agent>(agent: A, options: RacingOptions = {}): A {
  const open = agent as unknown as OpenAgent;
  const previous = open.createConnection.bind(agent);
  const isSecure = open.protocol === "https:";
  open.createConnection = (connection, callback) => {
    // A UNIX domain socket has no addresses, nor has a socket that exists.
    const isConnected = connection.socket !== undefined || (connection as { socketPath?: string }).socketPath;
    if (callback === undefined || isConnected) return previous(connection, callback);
    const { host = "localhost", port = isSecure ? 443 : 80, localAddress } = connection;
    const secure = isSecure ? (socket: Socket) => previous({ ...connection, socket }) as TLSSocket : undefined;
    const opened = raceStreams({ ...options, host, port }, { localAddress, secure }, ["http/1.1"], undefined);
    deliver(opened, callback);
    return undefined;
  };
  return agent;
}

/** For undici's option `connect`: `new Agent({ connect: undiciConnect() })`. */
export function undiciConnect(
  options: RacingOptions & { readonly tls?: ConnectionOptions; readonly allowH2?: boolean } = {},
): (connection: UndiciConnection, callback: (error: Error | null, socket: Socket | null) => void) => void {
  return (connection, callback) => {
    const { httpSocket, localAddress } = connection;
    const { host, port, alpn, secure } = undiciTarget(connection, options);
    if (httpSocket !== undefined) {
      callback(null, secure?.(httpSocket) ?? httpSocket);
      return;
    }
    const attempt = { localAddress: localAddress ?? undefined, secure };
    deliver(raceStreams({ ...options, host, port }, attempt, alpn, undefined), (error, socket) =>
      callback(error, socket ?? null),
    );
  };
}

function deliver(opened: Promise<Socket>, callback: Callback): void {
  const told = opened.then(
    (socket) => {
      socket.setNoDelay(true);
      callback(null, socket);
    },
    (error: Error) => callback(error),
  );
  const onFault = ({ error }: Fault): void => callback(error);
  detach("client stream delivered", onFault, told);
}
