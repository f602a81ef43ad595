/** A machine whose application has a clock of its own: it is called when its time has come, too. */

import type { DatagramMachine, ReceivedBatch, SlotWriter, SocketCommand, Transmit } from "../../base/datagrams.ts";
import { earliest, type Instant } from "../../base/time.ts";

export class Ticking<Event> implements DatagramMachine<Event> {
  readonly #inner: DatagramMachine<Event>;
  /** When to call the application next. */
  readonly #next: () => Instant | undefined;

  constructor(inner: DatagramMachine<Event>, next: () => Instant | undefined) {
    this.#inner = inner;
    this.#next = next;
  }

  get onReady(): (() => void) | undefined {
    return this.#inner.onReady;
  }

  set onReady(call: (() => void) | undefined) {
    this.#inner.onReady = call;
  }

  handleBatch(received: ReceivedBatch, now: Instant): void {
    this.#inner.handleBatch(received, now);
  }

  handleTimeout(now: Instant): void {
    const due = this.#inner.nextTimeout();
    if (due !== undefined && due <= now) this.#inner.handleTimeout(now);
  }

  nextTimeout(): Instant | undefined {
    return earliest(this.#inner.nextTimeout(), this.#next());
  }

  pollTransmit(slots: SlotWriter, maxSegments: number, now: Instant): Transmit | undefined {
    return this.#inner.pollTransmit(slots, maxSegments, now);
  }

  handleSent(transmit: Transmit, sent: number, now: Instant): void {
    this.#inner.handleSent(transmit, sent, now);
  }

  pollEvent(): Event | undefined {
    return this.#inner.pollEvent();
  }

  pollCommand(): SocketCommand | undefined {
    return this.#inner.pollCommand();
  }
}
