/** From the packager's objects to segments: one for each group of a track, and one for each different initialization segment. */

import type { Instant } from "../../base/time.ts";
import { equalBytes } from "../../wire/text.ts";
import type { Track } from "../bmff/index.ts";
import type { MediaObject } from "../packager/index.ts";
import { type DropReason, type OutgoingSegment, SegmentQueue, type SegmentQueueOptions } from "./segment-queue.ts";

/** What a segment that is sent holds. */
export interface SegmentLabel {
  readonly kind: "init" | "media";
  /** Undefined for an initialization segment. */
  readonly track: Track | undefined;
  /** The packager's group; 0 for an initialization segment. */
  readonly group: number;
}

/** A segment that was not sent whole. */
export interface DroppedSegment {
  readonly label: SegmentLabel;
  readonly reason: DropReason;
  /** The peer's, if it stopped the stream. */
  readonly code: number;
}

/** How a segment begins: what its first object says. */
export type SegmentBeginning = Pick<MediaObject, "track" | "group" | "presentationTime">;

/** How one protocol begins its streams. */
export interface SegmentFormat {
  /** The place of a media segment among the others; higher is sooner. */
  rankOf(beginning: SegmentBeginning): number;
  /** What stands before an initialization segment. */
  initHead(id: number): Uint8Array;
  /** What stands before a media segment. `rank` is its place. */
  mediaHead(beginning: SegmentBeginning, initId: number, rank: number): Uint8Array;
}

/** Above those of all media, and exact. */
export const INIT_RANK: number = 2 ** 51;

interface TrackState {
  readonly init: { readonly id: number; readonly bytes: Uint8Array };
  segment: OutgoingSegment<SegmentLabel> | undefined;
  group: number;
}

/** Give it objects; hand the carrier's events to `queue`. */
export class SegmentPublisher {
  readonly queue: SegmentQueue<SegmentLabel>;
  readonly #format: SegmentFormat;
  readonly #tracks = new Map<number, TrackState>();
  #inits = 0;
  #isPaused = false;

  constructor(
    format: SegmentFormat,
    options: Omit<SegmentQueueOptions<SegmentLabel>, "onDrop"> & { readonly onDrop: (dropped: DroppedSegment) => void },
  ) {
    this.#format = format;
    const { onDrop } = options;
    this.queue = new SegmentQueue({ ...options, onDrop: ({ label }, reason, code) => onDrop({ label, reason, code }) });
  }

  /** Sends an object on the stream of its group. One from the middle of a group that was not begun is dropped. */
  publish(object: MediaObject, now: Instant): void {
    const { track, group } = object;
    const before = this.#tracks.get(track.id);
    if (before?.segment !== undefined && before.group === group && equalBytes(before.init.bytes, track.init)) {
      this.queue.write(before.segment, object.bytes);
      return;
    }
    if (before?.segment !== undefined) this.#endSegment(before, now);
    if (this.#isPaused || !object.isSync) return;
    const state = this.#stateOf(track, now);
    state.group = group;
    state.segment = this.#begin(object, state);
    this.queue.write(state.segment, object.bytes);
  }

  /** Begins a segment that its owner writes and ends, beside any others of the track. Undefined while paused. */
  open(beginning: SegmentBeginning, now: Instant): OutgoingSegment<SegmentLabel> | undefined {
    return this.#isPaused ? undefined : this.#begin(beginning, this.#stateOf(beginning.track, now));
  }

  /** Ends the segments that are open. The next object that a decoder can begin with opens another one. */
  end(now: Instant): void {
    for (const state of this.#tracks.values()) this.#endSegment(state, now);
  }

  /** While paused, no segment begins; those that have begun go on to their end. */
  set isPaused(isPaused: boolean) {
    this.#isPaused = isPaused;
  }

  get isPaused(): boolean {
    return this.#isPaused;
  }

  #begin(beginning: SegmentBeginning, { init }: TrackState): OutgoingSegment<SegmentLabel> {
    const { track, group } = beginning;
    const rank = this.#format.rankOf(beginning);
    const segment = this.queue.open(rank, { kind: "media", track, group });
    this.queue.write(segment, this.#format.mediaHead(beginning, init.id, rank));
    return segment;
  }

  #endSegment(state: TrackState, now: Instant): void {
    if (state.segment !== undefined) this.queue.end(state.segment, now);
    state.segment = undefined;
  }

  /** Each different initialization segment of a track gets a number and a stream. */
  #stateOf(track: Track, now: Instant): TrackState {
    const before = this.#tracks.get(track.id);
    if (before !== undefined && equalBytes(before.init.bytes, track.init)) return before;
    this.#inits += 1;
    const init = { id: this.#inits, bytes: track.init };
    const segment = this.queue.open(INIT_RANK, { kind: "init", track: undefined, group: 0 });
    this.queue.write(segment, this.#format.initHead(init.id));
    this.queue.write(segment, init.bytes);
    this.queue.end(segment, now);
    const state = { init, segment: undefined, group: -1 };
    this.#tracks.set(track.id, state);
    return state;
  }
}
