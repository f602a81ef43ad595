/** One client of a relay: the socket from which its datagrams reach the server, which may be replaced at intervals. */

import { createSocket, type RemoteInfo, type Socket } from "node:dgram";
import { isIP } from "node:net";
import type { Instant } from "../../base/time.ts";
import { guard } from "../guard.ts";
import type { RelaySettings } from "./options.ts";

/** Requested from the kernel, which may grant less. */
const KERNEL_BUFFER = 1 << 20;

/** Opens a socket for literal addresses; the default would call the resolver for each datagram. */
export function openSocket(family: number): Socket {
  return createSocket({
    type: family === 6 ? "udp6" : "udp4",
    recvBufferSize: KERNEL_BUFFER,
    lookup: (address, _options, callback) => callback(null, address, family),
  });
}

export class RelaySession {
  readonly client: RemoteInfo;
  /** When the client last sent something. */
  usedAt: Instant;
  isClosed = false;
  readonly #settings: RelaySettings;
  readonly #onReply: (session: RelaySession, datagram: Buffer) => void;
  readonly #startedAt: Instant;
  #rebindings = 0;
  #sockets = 0;
  #upstream: Socket | undefined;

  constructor(
    client: RemoteInfo,
    settings: RelaySettings,
    now: Instant,
    onReply: (session: RelaySession, datagram: Buffer) => void,
  ) {
    this.client = client;
    this.usedAt = now;
    this.#startedAt = now;
    this.#settings = settings;
    this.#onReply = onReply;
  }

  /** The number of sockets towards the server so far. */
  get sockets(): number {
    return this.#sockets;
  }

  /** Sends to the server. */
  send(datagram: Buffer, now: Instant): void {
    this.#rebind(now);
    this.#upstream ??= this.#open();
    this.#upstream.send(datagram, this.#settings.server.port, this.#settings.server.host);
  }

  /** The next datagram to the server comes from a new port. Replies to the old one are lost. */
  rebind(): void {
    this.#discard();
  }

  close(): void {
    this.isClosed = true;
    this.#discard();
  }

  #discard(): void {
    this.#upstream?.close();
    this.#upstream = undefined;
  }

  #rebind(now: Instant): void {
    const { rebinding } = this.#settings;
    if (rebinding === undefined) return;
    const { every, first = every } = rebinding;
    const age = now - this.#startedAt;
    const count = age < first ? 0 : 1 + Math.floor((age - first) / every);
    if (count === this.#rebindings) return;
    this.#rebindings = count;
    this.#discard();
  }

  #open(): Socket {
    const { server, rebinding, clock, onFault } = this.#settings;
    const socket = openSocket(isIP(server.host));
    this.#sockets += 1;
    const fail = (fault: Parameters<typeof onFault>[0]): void => {
      this.close();
      onFault(fault);
    };
    socket.on(
      "error",
      guard("relay session error", fail, () => this.close()),
    );
    socket.on(
      "message",
      guard("relay session message", fail, (datagram: Buffer, { address, port }: RemoteInfo) => {
        if (address !== server.host || port !== server.port) return;
        this.#rebind(clock.now());
        // A rebinding has discarded the socket.
        if (this.#upstream === socket) this.#onReply(this, datagram);
      }),
    );
    const addresses = rebinding?.addresses;
    if (addresses !== undefined) socket.bind(0, addresses[(this.#sockets - 1) % addresses.length]);
    return socket;
  }
}
