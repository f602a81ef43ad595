/** One direction of a carrier in memory: a stream of the highest order goes first, and may be stalled. */

import type { Instant } from "../../../../base/time.ts";
import type { OrderedCarrier, SendOrder, StreamDirection, StreamId } from "../../../carrier.ts";
import type { SegmentPeer } from "../segment-peer.ts";

interface Stream {
  order: number;
  bytes: Uint8Array[];
  fin: boolean;
  isBlocked: boolean;
}

/** Bytes that a stream takes while it is stalled. */
const ROOM = 4_000;

export class Pipe implements OrderedCarrier {
  isStalled = false;
  /** Codes of streams that were given up. */
  readonly resets: number[] = [];
  readonly #streams = new Map<StreamId, Stream>();
  readonly #calls: ((now: Instant) => void)[] = [];
  #next: number;
  #own!: SegmentPeer;
  #peer!: SegmentPeer;
  #isCut = false;

  constructor(first: number) {
    this.#next = first;
  }

  join(own: SegmentPeer, peer: SegmentPeer): void {
    this.#own = own;
    this.#peer = peer;
  }

  /** Bytes that were written and not carried. */
  get waiting(): number {
    return [...this.#streams.values()].reduce((sum, stream) => sum + lengthOf(stream), 0);
  }

  openStream(direction: StreamDirection): StreamId {
    const id = this.#next;
    this.#next += 4;
    this.#streams.set(id, { order: 0, bytes: [], fin: false, isBlocked: false });
    this.#calls.push(() => this.#peer.handleStream(id, direction));
    return id;
  }

  setOrder(stream: StreamId, { sendOrder }: SendOrder): void {
    this.#streams.get(stream)!.order = sendOrder;
  }

  write(id: StreamId, bytes: Uint8Array, fin: boolean): boolean {
    const stream = this.#streams.get(id);
    if (stream === undefined) return true;
    stream.bytes.push(bytes);
    stream.fin = fin;
    stream.isBlocked = lengthOf(stream) >= ROOM;
    return !stream.isBlocked;
  }

  reset(stream: StreamId, code: number): void {
    this.resets.push(code);
    this.#streams.delete(stream);
    this.#calls.push((now) => this.#peer.handleReset(stream, code, now));
  }

  stopSending(stream: StreamId, code: number): void {
    this.#calls.push((now) => this.#peer.handleStopped(stream, code, now));
  }

  close(code: number, reason: string): void {
    this.#calls.push((now) => this.#peer.handleClosed(code, reason, now));
  }

  /** The connection is lost. */
  cut(now: Instant): void {
    this.#isCut = true;
    this.#own.handleClosed(1, "lost", now);
    this.#peer.handleClosed(1, "lost", now);
  }

  /** Carries everything that may be. Returns false if there was nothing. */
  carry(now: Instant): boolean {
    const calls = this.#isCut ? [] : this.#calls.splice(0);
    for (const call of calls) call(now);
    if (this.isStalled || this.#isCut) return calls.length > 0;
    const ready = [...this.#streams].filter(([, { bytes, fin }]) => bytes.length > 0 || fin);
    ready.sort(([, a], [, b]) => b.order - a.order);
    for (const [id, stream] of ready) this.#carryStream(id, stream, now);
    return calls.length > 0 || ready.length > 0;
  }

  #carryStream(id: StreamId, stream: Stream, now: Instant): void {
    for (const bytes of stream.bytes.splice(0)) this.#peer.handleData(id, "uni", bytes, false, now);
    if (stream.fin) {
      this.#streams.delete(id);
      this.#peer.handleData(id, "uni", new Uint8Array(0), true, now);
      this.#own.handleFinished(id, now);
    } else if (stream.isBlocked) {
      stream.isBlocked = false;
      this.#own.handleWritable(id, now);
    }
  }
}

const lengthOf = ({ bytes }: Stream): number => bytes.reduce((sum, { length }) => sum + length, 0);
