// Ends a TCP connection with a reset. A tunnel needs it: the peer would take a close for an orderly end.
import { Socket } from "node:net";
import type { Duplex } from "node:stream";

/** The TCP connections below TLS. */
const below = new WeakMap<Duplex, Socket>();

/** Call for each TLS connection, so that `cutOff` finds its TCP connection. */
export function runsOver(secured: Duplex, socket: Socket): void {
  below.set(secured, socket);
}

export function cutOff(connection: Duplex): void {
  const raw = below.get(connection) ?? connection;
  // Over a UNIX domain socket, which has no addresses, there are no resets.
  if (raw instanceof Socket && raw.remotePort !== undefined) raw.resetAndDestroy();
  connection.destroy();
}
