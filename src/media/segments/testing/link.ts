/** Two sessions of segments and a link of a given rate between them, in virtual time: the stream of the highest order goes first. */

import { after, type Instant, instant, millis } from "../../../base/time.ts";
import { type AssemblyEvent, type AssemblyOptions, SegmentAssembly } from "../../assembly/index.ts";
import type { OrderedCarrier, SendOrder, StreamDirection, StreamId } from "../../carrier.ts";
import { type MediaObject, Packager } from "../../packager/index.ts";
import { TestSource } from "../../test-source/index.ts";
import type { SegmentSession, SegmentSessionEvent } from "../index.ts";

interface Sending {
  order: number;
  bytes: Uint8Array[];
  fin: boolean;
  isBlocked: boolean;
}

/** Milliseconds. */
const STEP = 5;

/** Of either protocol, without the events that only one has. */
export type AnySession = SegmentSession<SegmentSessionEvent>;

/** One direction. Bytes leave when the link says so; a stream has room for `room` bytes. */
export class LinkCarrier implements OrderedCarrier {
  readonly streams = new Map<StreamId, Sending>();
  readonly resets: { readonly stream: StreamId; readonly code: number }[] = [];
  readonly stops: { readonly stream: StreamId; readonly code: number }[] = [];
  /** What left, in order. */
  readonly log: { readonly stream: StreamId; readonly length: number }[] = [];
  closed: { readonly code: number; readonly reason: string } | undefined;
  streamsLeft = 10_000;
  room = 20_000;
  own!: () => AnySession;
  peer!: () => AnySession;
  #next: number;

  constructor(first: number) {
    this.#next = first;
  }

  openStream(direction: StreamDirection): StreamId | undefined {
    if (this.streamsLeft === 0) return undefined;
    this.streamsLeft -= 1;
    const id = this.#next;
    this.#next += 4;
    this.streams.set(id, { order: 0, bytes: [], fin: false, isBlocked: false });
    this.peer().handleStream(id, direction);
    return id;
  }

  setOrder(stream: StreamId, { sendOrder }: SendOrder): void {
    const sending = this.streams.get(stream);
    if (sending !== undefined) sending.order = sendOrder;
  }

  write(stream: StreamId, bytes: Uint8Array, fin: boolean): boolean {
    const sending = this.streams.get(stream);
    if (sending === undefined) return true;
    if (bytes.length > 0) sending.bytes.push(bytes);
    sending.fin = fin;
    sending.isBlocked = lengthOf(sending) >= this.room;
    return !sending.isBlocked;
  }

  reset(stream: StreamId, code: number): void {
    this.resets.push({ stream, code });
    if (this.streams.delete(stream)) this.peer().handleReset(stream, code);
  }

  stopSending(stream: StreamId, code: number): void {
    this.stops.push({ stream, code });
    this.peer().handleStopped(stream, code);
  }

  close(code: number, reason: string): void {
    this.closed = { code, reason };
    this.peer().handleClosed(code, reason);
  }

  /** Sends at most `budget` bytes; returns what was sent. */
  transmit(budget: number, now: Instant): number {
    let left = budget;
    while (left > 0) {
      const next = [...this.streams].filter(([, { bytes, fin }]) => bytes.length > 0 || fin);
      const [first] = next.sort(([, a], [, b]) => b.order - a.order);
      if (first === undefined) break;
      const [stream, sending] = first;
      const chunk = sending.bytes[0] ?? new Uint8Array(0);
      const part = chunk.subarray(0, left);
      if (part.length === chunk.length) sending.bytes.shift();
      else sending.bytes[0] = chunk.subarray(part.length);
      left -= part.length;
      const isLast = sending.fin && sending.bytes.length === 0;
      if (isLast) this.streams.delete(stream);
      this.log.push({ stream, length: part.length });
      this.peer().handleData(stream, "uni", part, isLast, now);
      if (isLast) this.own().handleFinished(stream);
      if (!sending.isBlocked || lengthOf(sending) >= this.room / 2) continue;
      sending.isBlocked = false;
      this.own().handleWritable(stream);
    }
    return budget - left;
  }
}

const lengthOf = ({ bytes }: Sending): number => bytes.reduce((sum, { length }) => sum + length, 0);

/** Seconds of the test source that were recorded. */
const RECORDED = 8;
let recording: { readonly due: Instant; readonly object: MediaObject }[] | undefined;

/** What the test source makes, once for all cases. */
function recorded(): NonNullable<typeof recording> {
  if (recording !== undefined) return recording;
  recording = [];
  const source = new TestSource({ start: instant(0) });
  const packager = new Packager();
  for (let due = source.nextTimeout(); due < RECORDED * 1e6; due = source.nextTimeout()) {
    packager.push(source.pollBytes(due)!);
    for (let event = packager.pollEvent(); event !== undefined; event = packager.pollEvent())
      if (event.type === "object") recording.push({ due, object: event.object });
  }
  return recording;
}

export interface LinkOptions {
  readonly assembly?: AssemblyOptions;
}

type Create = (carrier: OrderedCarrier, role: "client" | "server") => AnySession;

/** A server that publishes the test source, and a client that assembles it. */
export class SegmentLink {
  now: Instant = instant(0);
  /** Bytes in a millisecond. */
  rate = 1_000;
  readonly down = new LinkCarrier(3);
  readonly up = new LinkCarrier(2);
  readonly server: AnySession;
  readonly client: AnySession;
  readonly assembly: SegmentAssembly;
  readonly assembled: AssemblyEvent[] = [];
  readonly serverEvents: SegmentSessionEvent[] = [];
  readonly clientEvents: SegmentSessionEvent[] = [];
  #published = 0;
  #hasSource = true;

  constructor(create: Create, options: LinkOptions = {}) {
    this.server = create(this.down, "server");
    this.client = create(this.up, "client");
    this.down.own = this.up.peer = () => this.server;
    this.up.own = this.down.peer = () => this.client;
    this.assembly = new SegmentAssembly(options.assembly);
  }

  /** No more media. */
  stopSource(): void {
    this.#hasSource = false;
  }

  /** Runs for milliseconds, five at a time. */
  run(milliseconds: number): void {
    const end = after(this.now, millis(milliseconds));
    while (this.now < end) {
      this.#publish();
      this.down.transmit(this.rate * STEP, this.now);
      this.up.transmit(this.rate * STEP, this.now);
      this.#drain();
      this.now = after(this.now, millis(STEP));
      for (const machine of [this.server, this.client, this.assembly]) {
        const next = machine.nextTimeout();
        if (next !== undefined && next <= this.now) machine.handleTimeout(this.now);
      }
      this.#drain();
    }
  }

  /** The assembled events of one type. */
  of<T extends AssemblyEvent["type"]>(type: T): Extract<AssemblyEvent, { type: T }>[] {
    return this.assembled.filter((event): event is Extract<AssemblyEvent, { type: T }> => event.type === type);
  }

  #publish(): void {
    for (let next = recorded()[this.#published]; this.#hasSource && next !== undefined && next.due <= this.now; ) {
      this.server.publish(next.object, this.now);
      this.#published += 1;
      next = recorded()[this.#published];
    }
  }

  #drain(): void {
    for (let event = this.server.pollEvent(); event !== undefined; event = this.server.pollEvent())
      this.serverEvents.push(event);
    for (let event = this.client.pollEvent(); event !== undefined; event = this.client.pollEvent()) {
      this.clientEvents.push(event);
      if ("segment" in event && event.type !== "init") this.assembly.handle(event, this.now);
    }
    for (let event = this.assembly.pollEvent(); event !== undefined; event = this.assembly.pollEvent())
      this.assembled.push(event);
  }
}
