/** Reads the PROXY protocol header at the start of TCP connections from trusted load balancers, before TLS begins. */

import type { Socket } from "node:net";
import { type ProxiedConnection, ProxyHeaderError, parseProxyHeader } from "../../http/index.ts";
import { type Fault, guard, ignore } from "../guard.ts";
import { AddressSet } from "../listen/address-set.ts";
import { duration, noLimit, Timer } from "../timer.ts";
import type { PeerAddress } from "./exchange.ts";
import { stateAddresses } from "./stated-addresses.ts";

export interface ProxyProtocolOptions {
  /**
   * Addresses and prefixes (CIDR) of load balancers. Their connections must begin with a header of version 1 or 2; those of
   * others must not.
   */
  readonly trusted: readonly string[];
  /** Milliseconds until the header must be there; 3 s by default. */
  readonly timeout?: number | undefined;
}

/** A server, of which "connection" is used. */
interface ConnectionServer {
  listeners(event: "connection"): unknown[];
  removeAllListeners(event: "connection"): unknown;
  on(event: "connection", listener: (socket: Socket) => void): unknown;
}

export class ProxyProtocolGate {
  readonly #trusted: AddressSet;
  readonly #timeout: number;
  readonly #onFault: (fault: Fault) => void;
  readonly #waiting = new Set<Socket>();

  /** Throws if an option is invalid. Takes the place of the server's listeners for "connection", and calls them once the header was read. */
  constructor(server: ConnectionServer, options: ProxyProtocolOptions, onFault: (fault: Fault) => void) {
    this.#trusted = new AddressSet("proxyProtocol.trusted", options.trusted);
    this.#timeout = noLimit(duration("proxyProtocol.timeout", options.timeout ?? 3_000));
    this.#onFault = onFault;
    const listeners = server.listeners("connection") as ((socket: Socket) => void)[];
    server.removeAllListeners("connection");
    const deliver = (socket: Socket): void => {
      for (const listener of listeners) listener.call(server, socket);
    };
    server.on(
      "connection",
      guard("proxy protocol connection", this.#destroy, (socket: Socket) => this.#accept(socket, deliver)),
    );
  }

  /** Ends connections that have not sent their header yet. */
  close(): void {
    for (const socket of this.#waiting) socket.destroy();
  }

  readonly #destroy = (fault: Fault, socket: Socket): void => {
    socket.destroy();
    this.#onFault(fault);
  };

  #accept(socket: Socket, deliver: (socket: Socket) => void): void {
    if (!this.#trusted.has(socket.remoteAddress ?? "")) {
      deliver(socket);
      return;
    }
    this.#waiting.add(socket);
    const end = (fault: Fault): void => this.#destroy(fault, socket);
    const quit = guard("proxy protocol late", end, () => socket.destroy());
    const timer = new Timer(quit, this.#timeout);
    let received: Buffer = Buffer.alloc(0);
    const read = guard("proxy protocol data", end, () => {
      for (let chunk = socket.read() as Buffer | null; chunk !== null; chunk = socket.read() as Buffer | null) {
        received = Buffer.concat([received, chunk]);
      }
      const header = headerOf(received);
      if (header === "more") return;
      leave();
      if (header === undefined) {
        socket.destroy();
        return;
      }
      if (header.connection !== undefined) stateAddresses(socket, addressesFrom(header.connection));
      // TLS begins with what follows the header.
      const rest = received.subarray(header.length);
      if (rest.length > 0) socket.unshift(rest);
      deliver(socket);
    });
    const leave = guard("proxy protocol gone", end, () => {
      timer.clear();
      this.#waiting.delete(socket);
      socket.off("readable", read).off("close", leave).off("end", quit).off("error", ignore);
    });
    socket.on("error", ignore); // "close" follows
    socket.once("close", leave);
    socket.once("end", quit);
    socket.on("readable", read);
  }
}

/** Undefined if it is invalid. */
function headerOf(received: Uint8Array): ReturnType<typeof parseProxyHeader> | undefined {
  try {
    return parseProxyHeader(received);
  } catch (error) {
    if (error instanceof ProxyHeaderError) return undefined;
    throw error;
  }
}

const addressesFrom = ({ source, destination }: ProxiedConnection) => ({
  remote: peerOf(source),
  local: peerOf(destination),
});

const peerOf = ({ address, port }: ProxiedConnection["source"]): PeerAddress => ({
  address,
  port,
  family: address.includes(":") ? "IPv6" : "IPv4",
});
