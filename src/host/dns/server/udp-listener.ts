/** Queries in datagrams (RFC 1035 §4.2.1). */

import { createSocket, type RemoteInfo, type Socket } from "node:dgram";
import { once } from "node:events";
import { ipVersion } from "../../../wire/ip-address.ts";
import { guard, ignore } from "../../guard.ts";
import type { Bindable, BoundAddress } from "../../http/listener.ts";
import type { ResponderOptions } from "./responder.ts";

/** Bytes that the socket may have queued; above this, responses are dropped, as networks do. */
const MAX_QUEUE = 4 * 1024 * 1024;

export class DnsUdpListener implements Bindable {
  readonly #options: ResponderOptions;
  readonly #sockets = new Set<Socket>();

  constructor(options: ResponderOptions) {
    this.#options = options;
  }

  async listen(port: number, host: string): Promise<BoundAddress> {
    const { onFault } = this.#options;
    const socket = createSocket(ipVersion(host) === 6 ? { type: "udp6", ipv6Only: true } : { type: "udp4" });
    this.#sockets.add(socket);
    socket.bind(port, host);
    try {
      await once(socket, "listening");
    } catch (error) {
      this.#sockets.delete(socket);
      socket.close();
      throw error;
    }
    socket.on(
      "message",
      guard("dns datagram", onFault, (query: Buffer, from: RemoteInfo) => this.#answer(socket, query, from)),
    );
    // ICMP messages about clients that are gone.
    socket.on("error", ignore);
    const { address, port: bound, family } = socket.address();
    return { transport: "udp", address, family: family as "IPv4" | "IPv6", port: bound };
  }

  #answer(socket: Socket, query: Buffer, from: RemoteInfo): void {
    // RFC 1035 has no such port; answering there could make two servers talk to each other for ever.
    if (from.port === 0 || !this.#sockets.has(socket)) return;
    const response = this.#options.respond(query, "udp", from);
    if (response === undefined || socket.getSendQueueSize() > MAX_QUEUE) return;
    socket.send(response, from.port, from.address);
  }

  async close(): Promise<void> {
    const sockets = [...this.#sockets];
    this.#sockets.clear();
    await Promise.all(
      sockets.map((socket) => {
        const closed = once(socket, "close");
        socket.close();
        return closed;
      }),
    );
  }
}
