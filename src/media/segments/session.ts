/**
 * What sessions of Warp and of the base draft have in common: the media that is given is pushed in segments, and what the peer pushes
 * is told. A protocol adds the heads of its streams, and their reader.
 */

import { Fifo } from "../../base/fifo.ts";
import { earliest, type Instant } from "../../base/time.ts";
import { BmffError, type BmffLimits, type InitSegment } from "../bmff/index.ts";
import type { OrderedCarrier, StreamDirection, StreamId } from "../carrier.ts";
import type { MediaObject } from "../packager/index.ts";
import type { SegmentEvent } from "./incoming.ts";
import {
  type DroppedSegment,
  INIT_RANK,
  type SegmentBeginning,
  type SegmentFormat,
  type SegmentLabel,
  SegmentPublisher,
} from "./publisher.ts";
import { type ReceiverLimits, SegmentReceiver } from "./receiver.ts";
import type { RawFragment } from "./segment-boxes.ts";
import { type OutgoingSegment, type SegmentLimits, SHED } from "./segment-queue.ts";

/** What any session of segments is made with. */
export interface SegmentSessionOptions extends SegmentLimits, ReceiverLimits, BmffLimits {
  readonly carrier: OrderedCarrier;
  /** Streams of the peer at a time; 256 by default. */
  readonly maxStreams?: number;
  /** Bytes of incomplete boxes; 64 MiB by default. */
  readonly maxHeld?: number;
}

/** A malformed stream: the session goes on without it. */
export interface StreamError extends Error {
  /** For STOP_SENDING. */
  readonly code: number;
}

/** What any session of segments tells. Those of segments are for a `SegmentAssembly`, or for a relay. */
export type SegmentSessionEvent =
  | SegmentEvent
  /** An initialization segment that was not known. */
  | { readonly type: "init"; readonly id: number; readonly segment: InitSegment }
  /** A stream of the peer was malformed; the others go on. */
  | { readonly type: "refused"; readonly stream: StreamId; readonly error: StreamError }
  /** A segment of ours was not sent whole. */
  | { readonly type: "dropped"; readonly dropped: DroppedSegment }
  /** The peer would like the session to end soon: open another one, which the same assembly continues. */
  | { readonly type: "draining" }
  /** The last event. Code 0 is the end of the media. */
  | { readonly type: "closed"; readonly code: number; readonly reason: string; readonly isOurs: boolean };

/** Of one stream of the peer. */
export interface SegmentStreamReader {
  readonly held: number;
  /** Takes bytes, cut anywhere. Throws if they are malformed. */
  push(bytes: Uint8Array): void;
  /** The peer finished the stream. Throws if that was too early. */
  end(): void;
  /** The stream is over, in whatever way. */
  close?(): void;
}

/** Of a malformed stream, and of a session whose initialization segments contradict each other. */
const MALFORMED = 1;
const END_OF_MEDIA = 0;

/** Give it objects of the packager, hand it what the carrier brings, and poll events. */
export abstract class SegmentSession<Event extends { readonly type: string }> {
  protected readonly carrier: OrderedCarrier;
  protected readonly receiver: SegmentReceiver;
  readonly #options: SegmentSessionOptions;
  readonly #events = new Fifo<Event | SegmentSessionEvent>();
  readonly #publisher: SegmentPublisher;
  readonly #readers = new Map<StreamId, { readonly reader: SegmentStreamReader; held: number }>();
  #held = 0;
  /** For messages without a segment. */
  #control: StreamId | undefined;
  /** When the last bytes came. */
  #now: Instant = 0 as Instant;
  #isEnding = false;
  #isClosed = false;

  protected constructor(options: SegmentSessionOptions, format: SegmentFormat) {
    this.#options = options;
    this.carrier = options.carrier;
    this.#publisher = new SegmentPublisher(format, {
      ...options,
      onDrop: (dropped) => this.emit({ type: "dropped", dropped }),
    });
    this.receiver = new SegmentReceiver({
      ...options,
      onEvent: (event) => this.emit(event),
      stop: (stream, code) => this.stopStream(stream, code),
    });
  }

  /** Reads a new stream of the peer. */
  protected abstract readerOf(stream: StreamId): SegmentStreamReader;
  /** The error that `error` means for a stream; undefined if it is none of a stream. */
  protected abstract streamErrorOf(error: unknown): StreamError | undefined;

  /** True after a "closed" event. */
  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Bytes that wait to be sent, outside of the carrier. */
  get queued(): number {
    return this.#publisher.queue.queued;
  }

  /** Segments of ours that have not been delivered. */
  get undelivered(): number {
    return this.#publisher.queue.size;
  }

  /** Bytes of the peer that are kept: boxes that are not complete, and fragments without their initialization segment. */
  get held(): number {
    return this.#held + this.receiver.held;
  }

  /** The next event; undefined if there is none. */
  pollEvent(): Event | SegmentSessionEvent | undefined {
    return this.#events.shift();
  }

  /** When to call `handleTimeout`. */
  nextTimeout(): Instant | undefined {
    return earliest(this.#publisher.queue.nextTimeout(), this.receiver.nextTimeout());
  }

  /** A deadline passed. */
  handleTimeout(now: Instant): void {
    if (this.#isClosed) return;
    this.#publisher.queue.handleTimeout(now);
    this.receiver.handleTimeout(now);
    this.#closeIfDone();
  }

  // ── Commands ──────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Sends an object of the packager on the stream of its group. */
  publish(object: MediaObject, now: Instant): void {
    if (!this.#isClosed && !this.#isEnding) this.#publisher.publish(object, now);
  }

  /** Begins a segment that its owner writes and ends, beside any others of its track. Undefined if none may begin now. */
  open(beginning: SegmentBeginning, now: Instant): OutgoingSegment<SegmentLabel> | undefined {
    return this.#isClosed || this.#isEnding ? undefined : this.#publisher.open(beginning, now);
  }

  /** Appends to a segment of `open`; what belongs to one that was given up is dropped. */
  write(segment: OutgoingSegment<SegmentLabel>, bytes: Uint8Array): void {
    this.#publisher.queue.write(segment, bytes);
  }

  /** A segment of `open` is complete. */
  finish(segment: OutgoingSegment<SegmentLabel>, now: Instant): void {
    this.#publisher.queue.end(segment, now);
  }

  /** Gives a segment of `open` up. */
  abandon(segment: OutgoingSegment<SegmentLabel>): void {
    this.#publisher.queue.abandon(segment);
  }

  /** While paused, no segment begins; those that have begun go on to their end. */
  set isPaused(isPaused: boolean) {
    this.#publisher.isPaused = isPaused;
  }

  get isPaused(): boolean {
    return this.#publisher.isPaused;
  }

  /** The media is over: closes the session when what was sent has been delivered, or is too old. */
  end(now: Instant): void {
    if (this.#isClosed) return;
    this.#isEnding = true;
    this.#publisher.end(now);
    this.#closeIfDone();
  }

  /** Ends the session now; code 0 says that the media is over. A "closed" event follows. */
  close(code: number = END_OF_MEDIA, reason = ""): void {
    if (this.#isClosed) return;
    this.carrier.close(code, reason);
    this.#finish(code, reason, true);
  }

  // ── Events of the carrier ─────────────────────────────────────────────────────────────────────────────────────────

  /** The peer opened a stream. Those in both directions are for applications, and none of them is known here. */
  handleStream(stream: StreamId, direction: StreamDirection): void {
    if (this.#isClosed) return;
    if (direction === "bidi") {
      this.carrier.stopSending(stream, MALFORMED);
      this.carrier.reset(stream, MALFORMED);
    } else if (this.#readers.size >= (this.#options.maxStreams ?? 256)) {
      this.carrier.stopSending(stream, SHED);
    } else {
      this.#readers.set(stream, { reader: this.readerOf(stream), held: 0 });
    }
  }

  /** Bytes of a stream of the peer; of streams that are over they are ignored. */
  handleData(stream: StreamId, _direction: StreamDirection, bytes: Uint8Array, fin: boolean, now: Instant): void {
    const reading = this.#readers.get(stream);
    if (reading === undefined || this.#isClosed) return;
    this.#now = now;
    try {
      reading.reader.push(bytes);
      if (fin) reading.reader.end();
    } catch (error) {
      this.#refuse(stream, error, fin);
      return;
    }
    if (!this.#readers.has(stream)) return;
    if (fin) {
      this.#forget(stream);
      this.receiver.end(stream, true);
      return;
    }
    this.#held += reading.reader.held - reading.held;
    reading.held = reading.reader.held;
    if (this.#held > (this.#options.maxHeld ?? 64 * 1024 * 1024)) {
      this.#refuse(stream, new BmffError("BOX_TOO_LARGE", "mdat", "too many incomplete boxes"), false);
    }
  }

  /** The peer gave a stream up: what is complete stays. */
  handleReset(stream: StreamId, _code: number): void {
    if (this.#forget(stream)) this.receiver.end(stream, false);
  }

  /** The peer does not want the rest of a stream of ours. */
  handleStopped(stream: StreamId, code: number): void {
    if (this.#publisher.queue.handleStopped(stream, code)) this.#closeIfDone();
    if (stream !== this.#control) return;
    this.carrier.reset(stream, SHED);
    this.#control = undefined;
  }

  /** The carrier has room again for a stream. */
  handleWritable(stream: StreamId): void {
    this.#publisher.queue.handleWritable(stream);
  }

  /** The peer has all of a stream. */
  handleFinished(stream: StreamId): void {
    this.#publisher.queue.handleFinished(stream);
    this.#closeIfDone();
  }

  /** Streams can be opened again. */
  handleStreamsAvailable(): void {
    this.#publisher.queue.handleStreamsAvailable();
  }

  /** The peer would like the session to end soon. */
  handleDraining(): void {
    if (!this.#isClosed) this.emit({ type: "draining" });
  }

  /** The connection ended. */
  handleClosed(code: number, reason: string): void {
    if (!this.#isClosed) this.#finish(code, reason, false);
  }

  // ── For the protocols ─────────────────────────────────────────────────────────────────────────────────────────────

  protected emit(event: Event | SegmentSessionEvent): void {
    this.#events.push(event);
  }

  /** Messages in order on one stream, ahead of media. `head` is what stands at its beginning. Returns false if there is no stream now. */
  protected sendControl(head: Uint8Array, message: Uint8Array): boolean {
    if (this.#isClosed) return false;
    if (this.#control === undefined) {
      this.#control = this.carrier.openStream("uni");
      if (this.#control === undefined) return false;
      this.carrier.setOrder(this.#control, { sendOrder: INIT_RANK });
      if (head.length > 0) this.carrier.write(this.#control, head, false);
    }
    this.carrier.write(this.#control, message, false);
    return true;
  }

  protected handleInit(id: number, segment: InitSegment): void {
    const isNew = this.receiver.initOf(id) === undefined;
    if (!this.receiver.init(id, segment)) {
      this.close(MALFORMED, isNew ? "too many initialization segments" : `another initialization segment ${id}`);
    } else if (isNew) {
      this.emit({ type: "init", id, segment });
    }
  }

  protected beginSegment(stream: StreamId, initId: number, timestamp: number | undefined): void {
    this.receiver.begin(stream, { initId, timestamp }, this.#now);
  }

  /** False if the stream was given up in the middle of what it brought. */
  protected isReading(stream: StreamId): boolean {
    return this.#readers.has(stream);
  }

  protected handleFragment(stream: StreamId, fragment: RawFragment): void {
    this.receiver.fragment(stream, fragment);
  }

  /** The rest is not wanted. */
  protected stopStream(stream: StreamId, code: number): void {
    if (this.#forget(stream)) this.carrier.stopSending(stream, code);
  }

  // ── Inside ────────────────────────────────────────────────────────────────────────────────────────────────────────

  #refuse(stream: StreamId, reason: unknown, hasEnded: boolean): void {
    const error = this.streamErrorOf(reason);
    if (error === undefined) throw reason;
    if (!this.#forget(stream)) return;
    if (!hasEnded) this.carrier.stopSending(stream, error.code);
    this.receiver.end(stream, false);
    this.emit({ type: "refused", stream, error });
  }

  /** Returns false if nothing was known of the stream. */
  #forget(stream: StreamId): boolean {
    const reading = this.#readers.get(stream);
    if (reading === undefined) return false;
    this.#readers.delete(stream);
    this.#held -= reading.held;
    reading.reader.close?.();
    return true;
  }

  #closeIfDone(): void {
    if (this.#isEnding && this.#publisher.queue.size === 0) this.close();
  }

  #finish(code: number, reason: string, isOurs: boolean): void {
    this.#isClosed = true;
    this.#publisher.queue.clear();
    this.receiver.clear();
    this.#readers.clear();
    this.#held = 0;
    this.emit({ type: "closed", code, reason, isOurs });
  }
}
