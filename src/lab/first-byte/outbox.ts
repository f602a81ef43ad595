/** Datagrams that a machine of an experiment sends beside those of QUIC. */

import { Ecn, type SlotWriter, type SocketAddress, type Transmit } from "../../base/datagrams.ts";

interface Waiting {
  readonly local: SocketAddress;
  readonly remote: SocketAddress;
  readonly bytes: Uint8Array;
}

export class Outbox {
  readonly #waiting: Waiting[] = [];
  readonly #sent = new WeakSet<Transmit>();

  push(local: SocketAddress, remote: SocketAddress, bytes: Uint8Array): void {
    this.#waiting.push({ local, remote, bytes });
  }

  poll(slots: SlotWriter): Transmit | undefined {
    const next = this.#waiting.shift();
    if (next === undefined) return undefined;
    const { local, remote, bytes } = next;
    slots.arena.set(bytes);
    const transmit = { local, remote, ecn: Ecn.notEct, segmentSize: bytes.length, count: 1, length: bytes.length };
    this.#sent.add(transmit);
    return transmit;
  }

  /** True if the train came from here. */
  has(transmit: Transmit): boolean {
    return this.#sent.has(transmit);
  }
}
