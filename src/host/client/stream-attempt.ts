// One attempt of a race whose winner is a socket of Node's: TCP, and TLS above it if the caller wants it.
import type { Agent } from "node:http";
import { connect, type Socket } from "node:net";
import { type ConnectionOptions, connect as connectTls, type TLSSocket } from "node:tls";
import { ipVersion } from "../../wire/ip-address.ts";
import { type Fault, guard, ignore } from "../guard.ts";
import { runsOver } from "./cut-off.ts";

export type { Agent, ConnectionOptions, Socket, TLSSocket };

export interface StreamAttempt {
  readonly address: string;
  readonly port: number;
  /** The address of this machine to connect from. */
  readonly localAddress?: string | undefined;
  /** Puts TLS on the connected socket. */
  readonly secure?: ((socket: Socket) => TLSSocket) | undefined;
}

/** Resolves with the socket once it can be used. Rejects with Node's error, or with the signal's reason. */
export async function openStream(attempt: StreamAttempt, signal: AbortSignal): Promise<Socket> {
  const { address, port, localAddress, secure } = attempt;
  const socket = connect({
    host: address,
    port,
    // The race does that.
    autoSelectFamily: false,
    ...(localAddress === undefined ? {} : { localAddress }),
  });
  await settled(socket, "connect", signal);
  if (secure === undefined) return socket;
  const secured = secure(socket);
  runsOver(secured, socket);
  await settled(secured, "secureConnect", signal);
  return secured;
}

/** Waits for an event. A socket that fails before is destroyed. */
function settled(socket: Socket, event: "connect" | "secureConnect", signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const end = (error: unknown): void => {
      forget();
      socket.on("error", ignore).destroy();
      reject(error);
    };
    const give = ({ error }: Fault): void => end(error);
    const done = guard("client stream ready", give, () => {
      forget();
      resolve();
    });
    const fail = guard("client stream failed", give, (error: Error) => end(error));
    const abort = guard("client stream abort", give, () => end(signal.reason));
    const forget = (): void => {
      socket.off(event, done).off("error", fail);
      signal.removeEventListener("abort", abort);
    };
    socket.once(event, done).once("error", fail);
    signal.addEventListener("abort", abort, { once: true });
    if (signal.aborted) abort();
  });
}

/** Puts TLS on a socket. `options` may say otherwise than `host` about the name. */
export const secureWith = (socket: Socket, host: string, options: ConnectionOptions): TLSSocket =>
  connectTls({
    host,
    // RFC 6066 §3: an address literal is not a server name.
    ...(ipVersion(host) === undefined ? { servername: host } : {}),
    ...options,
    socket,
  });
