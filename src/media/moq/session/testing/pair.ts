/** Two sessions and what lies between them: streams in memory, cut anywhere, in virtual time. */

import { type Instant, instant } from "../../../../base/time.ts";
import type { Draft } from "../../draft.ts";
import type { SetupOptions } from "../../model.ts";
import type { MoqCarrier, SendOrder, StreamDirection, StreamId } from "../carrier.ts";
import { type MoqEvent, MoqSession } from "../index.ts";

type Delivery = (to: MoqSession) => void;

/** One direction: what was sent is delivered when the test says so. */
export class MemoryCarrier implements MoqCarrier {
  readonly sent: Delivery[] = [];
  closed: { readonly code: number; readonly reason: string } | undefined;
  streamsLeft = 10_000;
  /** By stream. */
  readonly orders = new Map<StreamId, number>();
  readonly #directions: Map<StreamId, StreamDirection>;
  readonly #first: number;
  #opened = 0;

  constructor(directions: Map<StreamId, StreamDirection>, first: number) {
    this.#directions = directions;
    this.#first = first;
  }

  openStream(direction: StreamDirection): StreamId | undefined {
    if (this.streamsLeft === 0) return undefined;
    this.streamsLeft -= 1;
    const id = this.#first + 2 * this.#opened;
    this.#opened += 1;
    this.#directions.set(id, direction);
    this.sent.push((to) => to.handleStream(id, direction));
    return id;
  }

  write(stream: StreamId, bytes: Uint8Array, fin: boolean): void {
    const direction = this.#directions.get(stream)!;
    const half = bytes.length >> 1;
    const now = instant(0);
    if (half > 0) this.sent.push((to) => to.handleData(stream, direction, bytes.subarray(0, half), false, now));
    this.sent.push((to) => to.handleData(stream, direction, bytes.subarray(half), fin, now));
  }

  setOrder(stream: StreamId, { sendOrder }: SendOrder): void {
    this.orders.set(stream, sendOrder);
  }

  reset(stream: StreamId, code: number): void {
    this.sent.push((to) => to.handleReset(stream, code));
  }

  stopSending(stream: StreamId, code: number): void {
    this.sent.push((to) => to.handleStopped(stream, code));
  }

  sendDatagram(bytes: Uint8Array): void {
    this.sent.push((to) => to.handleDatagram(bytes));
  }

  close(code: number, reason: string): void {
    this.closed = { code, reason };
    this.sent.push((to) => to.handleClosed(code, reason));
  }
}

export class Side {
  readonly carrier: MemoryCarrier;
  readonly session: MoqSession;

  constructor(
    draft: Draft,
    role: "client" | "server",
    directions: Map<StreamId, StreamDirection>,
    setup: SetupOptions,
  ) {
    this.carrier = new MemoryCarrier(directions, role === "client" ? 0 : 1);
    this.session = new MoqSession({ draft, role, carrier: this.carrier, setup, maxRequests: 20 });
  }

  events(): MoqEvent[] {
    const events: MoqEvent[] = [];
    for (let event = this.session.pollEvent(); event !== undefined; event = this.session.pollEvent())
      events.push(event);
    return events;
  }

  /** The events of one type. */
  take<T extends MoqEvent["type"]>(type: T): Extract<MoqEvent, { type: T }>[] {
    return this.events().filter((event): event is Extract<MoqEvent, { type: T }> => event.type === type);
  }
}

export class Pair {
  readonly client: Side;
  readonly server: Side;
  now: Instant = instant(0);

  constructor(draft: Draft, setup: SetupOptions = {}) {
    const directions = new Map<StreamId, StreamDirection>();
    this.client = new Side(draft, "client", directions, {});
    this.server = new Side(draft, "server", directions, setup);
    this.client.session.start();
    this.server.session.start();
  }

  /** Delivers everything, and what it causes. */
  settle(): void {
    while (this.client.carrier.sent.length + this.server.carrier.sent.length > 0) {
      for (const delivery of this.client.carrier.sent.splice(0)) delivery(this.server.session);
      for (const delivery of this.server.carrier.sent.splice(0)) delivery(this.client.session);
    }
  }
}
