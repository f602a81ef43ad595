/**
 * Segments that are being sent, each on a stream of its own, in strict order of their ranks. When the network is slower than the
 * source, the queue grows at its tail: there it is cut, by resetting the streams of the lowest rank.
 */

import { Fifo } from "../../base/fifo.ts";
import { after, earliest, type Instant, millis } from "../../base/time.ts";
import type { OrderedCarrier, StreamId } from "../carrier.ts";

/** Of RESET_STREAM and STOP_SENDING for what is no longer wanted. */
export const SHED = 0;

/** When segments are given up. */
export interface SegmentLimits {
  /** Bytes that wait outside of the carrier; 8 MiB by default. */
  readonly maxQueued?: number;
  /** Segments that have not been delivered; 64 by default. */
  readonly maxSegments?: number;
  /** Milliseconds after its end in which a segment has to be delivered; 5,000 by default. */
  readonly maxAge?: number;
}

/** Why a segment was given up: a limit, or the peer does not want it. */
export type DropReason = "queued" | "segments" | "streams" | "age" | "stopped" | "abandoned";

/** A segment on its way. */
export interface OutgoingSegment<Label> {
  readonly label: Label;
  /** Higher is sent sooner. */
  readonly rank: number;
  /** True until it has been delivered or given up. */
  readonly isActive: boolean;
  /** False while what was written waits for the carrier. */
  readonly hasRoom: boolean;
}

export interface SegmentQueueOptions<Label> extends SegmentLimits {
  readonly carrier: OrderedCarrier;
  /** `code` is that of the peer if it stopped the stream. */
  readonly onDrop: (segment: OutgoingSegment<Label>, reason: DropReason, code: number) => void;
}

class Sending<Label> implements OutgoingSegment<Label> {
  readonly label: Label;
  readonly rank: number;
  isActive = true;
  /** Undefined while the peer allows no stream for it. */
  stream: StreamId | undefined = undefined;
  readonly chunks = new Fifo<Uint8Array>();
  queued = 0;
  isBlocked = false;
  hasEnded = false;
  /** The end was handed to the carrier. */
  hasFinished = false;
  deadline: Instant | undefined = undefined;
  /** Another stream has been given up for it. */
  hasMadeRoom = false;

  constructor(label: Label, rank: number) {
    this.label = label;
    this.rank = rank;
  }

  get hasRoom(): boolean {
    return !this.isActive || (this.stream !== undefined && !this.isBlocked);
  }
}

/** Open segments, write them and end them; hand in what the carrier tells. */
export class SegmentQueue<Label> {
  readonly #options: SegmentQueueOptions<Label>;
  readonly #segments = new Set<Sending<Label>>();
  readonly #byStream = new Map<StreamId, Sending<Label>>();
  #queued = 0;

  constructor(options: SegmentQueueOptions<Label>) {
    this.#options = options;
  }

  /** Bytes that wait outside of the carrier. */
  get queued(): number {
    return this.#queued;
  }

  /** Segments that have not been delivered. */
  get size(): number {
    return this.#segments.size;
  }

  /** Begins a segment; if there are too many, the one of the lowest rank is given up, which may be this one. */
  open(rank: number, label: Label): OutgoingSegment<Label> {
    const segment = new Sending(label, rank);
    this.#segments.add(segment);
    this.#openStream(segment);
    if (this.#segments.size > (this.#options.maxSegments ?? 64)) this.#drop(this.#tail()!, "segments");
    return segment;
  }

  /** Appends to a segment. What belongs to one that was given up is dropped. */
  write(segment: OutgoingSegment<Label>, bytes: Uint8Array): void {
    const sending = segment as Sending<Label>;
    if (!sending.isActive || sending.hasEnded || bytes.length === 0) return;
    sending.chunks.push(bytes);
    sending.queued += bytes.length;
    this.#queued += bytes.length;
    this.#flush(sending);
    const { maxQueued = 8 * 1024 * 1024 } = this.#options;
    for (let tail = this.#tail(); this.#queued > maxQueued && tail !== undefined; tail = this.#tail()) {
      this.#drop(tail, "queued");
    }
  }

  /** Nothing more is written to it. */
  end(segment: OutgoingSegment<Label>, now: Instant): void {
    const sending = segment as Sending<Label>;
    if (!sending.isActive || sending.hasEnded) return;
    sending.hasEnded = true;
    const { maxAge = 5_000 } = this.#options;
    if (Number.isFinite(maxAge)) sending.deadline = after(now, millis(maxAge));
    this.#flush(sending);
  }

  /** Gives a segment up. */
  abandon(segment: OutgoingSegment<Label>): void {
    this.#drop(segment as Sending<Label>, "abandoned");
  }

  /** The earliest time at which a segment is too old. */
  nextTimeout(): Instant | undefined {
    let next: Instant | undefined;
    for (const { deadline } of this.#segments) next = earliest(next, deadline);
    return next;
  }

  /** Gives up what is too old. */
  handleTimeout(now: Instant): void {
    for (const segment of this.#inOrder()) {
      if (segment.deadline !== undefined && segment.deadline <= now) this.#drop(segment, "age");
    }
  }

  /** The carrier has room again for a stream. */
  handleWritable(stream: StreamId): void {
    const segment = this.#byStream.get(stream);
    if (segment === undefined) return;
    segment.isBlocked = false;
    this.#flush(segment);
  }

  /** The peer has all of a stream. */
  handleFinished(stream: StreamId): void {
    const segment = this.#byStream.get(stream);
    if (segment !== undefined) this.#forget(segment);
  }

  /** The peer does not want the rest of a stream. Returns false if it is not one of ours. */
  handleStopped(stream: StreamId, code: number): boolean {
    const segment = this.#byStream.get(stream);
    if (segment === undefined) return false;
    this.#drop(segment, "stopped", code);
    return true;
  }

  /** Streams can be opened again. */
  handleStreamsAvailable(): void {
    for (const segment of this.#inOrder().reverse()) {
      if (segment.stream !== undefined) continue;
      if (!this.#openStream(segment)) return;
      this.#flush(segment);
    }
  }

  /** The connection is over. */
  clear(): void {
    for (const segment of [...this.#segments]) this.#forget(segment);
  }

  /** Returns false if there is no stream now. */
  #openStream(segment: Sending<Label>): boolean {
    const { carrier } = this.#options;
    const stream = carrier.openStream("uni");
    if (stream === undefined) {
      this.#makeRoomFor(segment);
      return false;
    }
    segment.stream = stream;
    this.#byStream.set(stream, segment);
    carrier.setOrder(stream, { sendOrder: segment.rank });
    return true;
  }

  /** The end of a stream lets the peer allow another one: the lowest goes, if it is lower. Once for each segment. */
  #makeRoomFor(segment: Sending<Label>): void {
    const tail = this.#inOrder().find(({ stream }) => stream !== undefined);
    if (segment.hasMadeRoom || tail === undefined || tail.rank >= segment.rank) return;
    segment.hasMadeRoom = true;
    this.#drop(tail, "streams");
  }

  #flush(segment: Sending<Label>): void {
    const { stream, chunks } = segment;
    if (stream === undefined) return;
    while (!segment.isBlocked && chunks.first !== undefined) {
      const chunk = chunks.shift()!;
      segment.queued -= chunk.length;
      this.#queued -= chunk.length;
      const isLast = segment.hasEnded && chunks.first === undefined;
      segment.hasFinished = isLast;
      segment.isBlocked = !this.#options.carrier.write(stream, chunk, isLast);
    }
    if (!segment.hasEnded || segment.hasFinished || chunks.first !== undefined) return;
    segment.hasFinished = true;
    this.#options.carrier.write(stream, new Uint8Array(0), true);
  }

  /** The one of the lowest rank, the oldest of several. */
  #tail(): Sending<Label> | undefined {
    let tail: Sending<Label> | undefined;
    for (const segment of this.#segments) if (tail === undefined || segment.rank < tail.rank) tail = segment;
    return tail;
  }

  /** By rank, the lowest first. */
  #inOrder(): Sending<Label>[] {
    return [...this.#segments].sort((a, b) => a.rank - b.rank);
  }

  #drop(segment: Sending<Label>, reason: DropReason, code: number = SHED): void {
    if (!segment.isActive) return;
    if (segment.stream !== undefined) this.#options.carrier.reset(segment.stream, SHED);
    this.#forget(segment);
    this.#options.onDrop(segment, reason, code);
  }

  #forget(segment: Sending<Label>): void {
    segment.isActive = false;
    this.#segments.delete(segment);
    if (segment.stream !== undefined) this.#byStream.delete(segment.stream);
    this.#queued -= segment.queued;
    segment.queued = 0;
  }
}
