/** Small machines for tests that make the effects of the network obvious. */

import {
  type DatagramMachine,
  Ecn,
  type ReceivedBatch,
  type SlotWriter,
  type SocketAddress,
  type SocketCommand,
  type Transmit,
} from "../../base/datagrams.ts";
import { after, type Instant, type Micros } from "../../base/time.ts";

/** What arrived, when, and the size of its batch. */
export interface Arrival {
  readonly time: Instant;
  readonly bytes: Uint8Array;
  readonly remote: SocketAddress;
  readonly ecn: number;
  readonly batchSize: number;
}

interface Queued {
  readonly bytes: Uint8Array;
  readonly remote: SocketAddress;
}

/** Sends what is posted and reports what arrives. */
export class Mailbox implements DatagramMachine<Arrival> {
  onReady: (() => void) | undefined;
  ecn: Ecn = Ecn.notEct;
  /** Commands to its host. */
  readonly commands: SocketCommand[] = [{ type: "set-dont-fragment", enabled: true }];
  readonly #outbox: Queued[] = [];
  readonly #arrivals: Arrival[] = [];

  post(bytes: Uint8Array, remote: SocketAddress): void {
    this.#outbox.push({ bytes, remote });
    if (this.#outbox.length === 1) this.onReady?.();
  }

  handleBatch(received: ReceivedBatch, now: Instant): void {
    for (let i = 0; i < received.count; i += 1) {
      const start = received.offset[i]!;
      this.#arrivals.push({
        time: now,
        bytes: received.arena.slice(start, start + received.length[i]!),
        remote: received.remote[i]!,
        ecn: received.ecn[i]!,
        batchSize: received.count,
      });
    }
  }

  handleTimeout(_now: Instant): void {}

  nextTimeout(): Instant | undefined {
    return undefined;
  }

  /** Equal-sized datagrams for one destination form one train. */
  pollTransmit(slots: SlotWriter, maxSegments: number, _now: Instant): Transmit | undefined {
    const first = this.#outbox[0];
    if (first === undefined) return undefined;
    const segmentSize = first.bytes.length;
    let count = 0;
    while (count < maxSegments && this.#outbox[0]?.remote === first.remote) {
      if (this.#outbox[0].bytes.length !== segmentSize) break;
      slots.arena.set(this.#outbox.shift()!.bytes, count * segmentSize);
      count += 1;
    }
    const { remote } = first;
    return { local: undefined, remote, ecn: this.ecn, segmentSize, count, length: count * segmentSize };
  }

  handleSent(_transmit: Transmit, _sent: number, _now: Instant): void {}

  pollEvent(): Arrival | undefined {
    return this.#arrivals.shift();
  }

  pollCommand(): SocketCommand | undefined {
    return this.commands.shift();
  }
}

/** Echoes every datagram to its sender. */
export class Echo extends Mailbox {
  override handleBatch(received: ReceivedBatch, now: Instant): void {
    super.handleBatch(received, now);
    for (let i = 0; i < received.count; i += 1) {
      const start = received.offset[i]!;
      this.post(received.arena.slice(start, start + received.length[i]!), received.remote[i]!);
    }
  }
}

/** Sends one numbered datagram per tick, `count` in all. */
export class Metronome extends Mailbox {
  readonly #remote: SocketAddress;
  readonly #interval: Micros;
  readonly #count: number;
  readonly #size: number;
  #sent = 0;
  #next: Instant | undefined = 0 as Instant;

  constructor(remote: SocketAddress, interval: Micros, count: number, size = 100) {
    super();
    this.#remote = remote;
    this.#interval = interval;
    this.#count = count;
    this.#size = size;
  }

  override nextTimeout(): Instant | undefined {
    return this.#next;
  }

  override handleTimeout(now: Instant): void {
    const bytes = new Uint8Array(this.#size);
    new DataView(bytes.buffer).setUint32(0, this.#sent);
    this.post(bytes, this.#remote);
    this.#sent += 1;
    this.#next = this.#sent < this.#count ? after(now, this.#interval) : undefined;
  }
}
