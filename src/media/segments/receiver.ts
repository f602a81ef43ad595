/** Segments that arrive, each on its stream, and the initialization segments that they need, in whatever order they come. */

import { after, earliest, type Instant, millis } from "../../base/time.ts";
import { equalBytes } from "../../wire/text.ts";
import { BmffError, type InitSegment } from "../bmff/index.ts";
import type { StreamId } from "../carrier.ts";
import type { IncomingSegment, SegmentEvent } from "./incoming.ts";
import { type RawFragment, readFragment } from "./segment-boxes.ts";
import { SHED } from "./segment-queue.ts";

/** What may wait, and how long. */
export interface ReceiverLimits {
  /** Bytes of fragments that wait for their initialization segment; 8 MiB by default. */
  readonly maxWaiting?: number;
  /** Milliseconds in which an initialization segment has to come; 5,000 by default. */
  readonly initTimeout?: number;
  /** Different initialization segments of a session; 256 by default. */
  readonly maxInits?: number;
}

export interface ReceiverOptions extends ReceiverLimits {
  readonly onEvent: (event: SegmentEvent) => void;
  /** STOP_SENDING. */
  readonly stop: (stream: StreamId, code: number) => void;
}

interface Receiving {
  readonly initId: number;
  /** In units of a second. */
  readonly timestamp: number | undefined;
  /** Until the initialization segment is there. */
  readonly deadline: Instant;
  readonly sequence: number;
  /** Undefined before its first fragment was read. */
  segment: IncomingSegment | undefined;
  waiting: RawFragment[];
  waitingBytes: number;
  /** Its stream ended while it waited. */
  ended: "complete" | "cut" | undefined;
}

/** What a segment says of itself when it begins. */
export interface SegmentStart {
  readonly initId: number;
  /** Seconds; undefined if only its fragments tell. */
  readonly timestamp: number | undefined;
}

/** Events follow as soon as the initialization segment is there. Errors of one segment are thrown as `BmffError`s. */
export class SegmentReceiver {
  readonly #options: ReceiverOptions;
  readonly #inits = new Map<number, InitSegment>();
  /** By stream, and after the stream's end by a number that is none. */
  readonly #segments = new Map<StreamId, Receiving>();
  #waiting = 0;
  #sequence = 0;
  #ended = 0;

  constructor(options: ReceiverOptions) {
    this.#options = options;
  }

  /** Bytes of fragments that wait for their initialization segment. */
  get held(): number {
    return this.#waiting;
  }

  /** The initialization segment of an id, if it is there. */
  initOf(id: number): InitSegment | undefined {
    return this.#inits.get(id);
  }

  /** Returns false if the id is taken by other bytes, or there are too many. */
  init(id: number, init: InitSegment): boolean {
    const before = this.#inits.get(id);
    if (before !== undefined) return equalBytes(before.bytes, init.bytes);
    if (this.#inits.size >= (this.#options.maxInits ?? 256)) return false;
    this.#inits.set(id, init);
    for (const [stream, receiving] of [...this.#segments]) {
      if (receiving.initId === id) this.#release(stream, receiving, init);
    }
    return true;
  }

  /** A segment begins on a stream; the one before it has ended. */
  begin(stream: StreamId, { initId, timestamp }: SegmentStart, now: Instant): void {
    this.end(stream, true);
    this.#sequence += 1;
    this.#segments.set(stream, {
      initId,
      timestamp,
      deadline: after(now, millis(this.#options.initTimeout ?? 5_000)),
      // The numbers of streams grow in the order in which they were opened.
      sequence: stream + this.#sequence / 2 ** 20,
      segment: undefined,
      waiting: [],
      waitingBytes: 0,
      ended: undefined,
    });
  }

  /** A fragment of the stream's segment. Throws a `BmffError`. */
  fragment(stream: StreamId, fragment: RawFragment): void {
    const receiving = this.#segments.get(stream);
    if (receiving === undefined) return;
    const init = this.#inits.get(receiving.initId);
    if (init !== undefined) {
      this.#emit(stream, receiving, fragment, init);
      return;
    }
    receiving.waiting.push(fragment);
    receiving.waitingBytes += fragment.bytes.length;
    this.#waiting += fragment.bytes.length;
    if (this.#waiting > (this.#options.maxWaiting ?? 8 * 1024 * 1024)) this.#stop(stream, receiving);
  }

  /** The stream ended, or was reset. */
  end(stream: StreamId, isComplete: boolean): void {
    const receiving = this.#segments.get(stream);
    if (receiving === undefined) return;
    this.#segments.delete(stream);
    if (receiving.waiting.length > 0) {
      receiving.ended = isComplete ? "complete" : "cut";
      this.#ended += 1;
      this.#segments.set(-this.#ended, receiving);
    } else if (receiving.segment !== undefined) {
      this.#options.onEvent({ type: "segment-end", segment: receiving.segment, isComplete });
    }
  }

  /** When a segment has waited long enough. */
  nextTimeout(): Instant | undefined {
    if (this.#waiting === 0) return undefined;
    let next: Instant | undefined;
    for (const { waiting, deadline } of this.#segments.values()) {
      if (waiting.length > 0) next = earliest(next, deadline);
    }
    return next;
  }

  /** Gives up segments whose initialization segment does not come. */
  handleTimeout(now: Instant): void {
    for (const [stream, receiving] of [...this.#segments]) {
      if (receiving.waiting.length > 0 && receiving.deadline <= now) this.#stop(stream, receiving);
    }
  }

  /** The connection is over. */
  clear(): void {
    for (const stream of [...this.#segments.keys()]) this.end(stream, false);
    this.#segments.clear();
    this.#waiting = 0;
  }

  #release(stream: StreamId, receiving: Receiving, init: InitSegment): void {
    const { waiting } = receiving;
    this.#dropWaiting(receiving);
    try {
      for (const fragment of waiting) this.#emit(stream, receiving, fragment, init);
    } catch (error) {
      if (!(error instanceof BmffError)) throw error;
      this.#stop(stream, receiving);
      return;
    }
    if (receiving.ended !== undefined) this.end(stream, receiving.ended === "complete");
  }

  #emit(stream: StreamId, receiving: Receiving, fragment: RawFragment, init: InitSegment): void {
    const content = readFragment(fragment, init);
    const { track } = content;
    if (receiving.segment === undefined) {
      const { timestamp, sequence } = receiving;
      const segment = { track, init, timestamp, sequence, stop: () => this.#stop(stream, receiving) };
      receiving.segment = segment;
      this.#options.onEvent({ type: "segment", segment });
    } else if (receiving.segment.track.id !== track.id) {
      throw new BmffError(
        "FRAGMENT",
        "moof/traf",
        `track ${track.id} in a segment of track ${receiving.segment.track.id}`,
      );
    }
    const { bytes, wallClock } = fragment;
    this.#options.onEvent({ type: "fragment", segment: receiving.segment, fragment: { bytes, content, wallClock } });
  }

  /** The rest is not wanted. */
  #stop(stream: StreamId, receiving: Receiving): void {
    if (this.#segments.get(stream) !== receiving) return;
    if (receiving.ended === undefined) this.#options.stop(stream, SHED);
    this.#dropWaiting(receiving);
    receiving.ended = undefined;
    this.end(stream, false);
  }

  #dropWaiting(receiving: Receiving): void {
    this.#waiting -= receiving.waitingBytes;
    receiving.waitingBytes = 0;
    receiving.waiting = [];
  }
}
