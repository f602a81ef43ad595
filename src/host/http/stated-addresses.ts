/**
 * The addresses of TCP connections whose peer is a load balancer, as its PROXY protocol header states them. By the real
 * addresses, since Node has several objects for one connection: the socket, TLS above it, and an HTTP/2 session.
 */

import type { Socket } from "node:net";
import { guard, reportFault } from "../guard.ts";
import type { PeerAddress } from "./exchange.ts";

export interface Addresses {
  readonly remote: PeerAddress;
  readonly local: PeerAddress;
}

type Ends = Pick<Socket, "remoteAddress" | "remotePort" | "localAddress" | "localPort">;

const stated = new Map<string, Addresses>();

const keyOf = ({ remoteAddress, remotePort, localAddress, localPort }: Ends): string =>
  `${remoteAddress} ${remotePort} ${localAddress} ${localPort}`;

/** Until the socket closes. */
export function stateAddresses(socket: Socket, addresses: Addresses): void {
  const key = keyOf(socket);
  stated.set(key, addresses);
  socket.once(
    "close",
    guard("proxy protocol closed", reportFault, () => {
      if (stated.get(key) === addresses) stated.delete(key);
    }),
  );
}

export const statedAddresses = (socket: Ends): Addresses | undefined =>
  stated.size === 0 ? undefined : stated.get(keyOf(socket));
