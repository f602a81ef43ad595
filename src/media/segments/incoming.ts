/** What arrives of segments, in the same form from Warp, the base draft, and relays. */

import type { InitSegment, Track, TrackFragment } from "../bmff/index.ts";

/** A segment of one track that is arriving. */
export interface IncomingSegment {
  readonly track: Track;
  /** The initialization segment that its decoder needs. */
  readonly init: InitSegment;
  /** Seconds: when its first frame is shown, if its sender says so. It takes precedence over the times in the fragments. */
  readonly timestamp: number | undefined;
  /** Grows with the order in which the sender began its segments. */
  readonly sequence: number;
  /** Tells the sender that the rest is not wanted. */
  stop(): void;
}

/** `moof` and `mdat`, after the `prft` and `emsg` boxes before them. */
export interface IncomingFragment {
  readonly bytes: Uint8Array;
  readonly content: TrackFragment;
  /** Milliseconds since 1970 at which its producer saw it, if a `prft` box says so. */
  readonly wallClock: number | undefined;
}

/** What an assembly takes. */
export type SegmentEvent =
  | { readonly type: "segment"; readonly segment: IncomingSegment }
  | { readonly type: "fragment"; readonly segment: IncomingSegment; readonly fragment: IncomingFragment }
  /** Complete, or cut off by a reset. */
  | { readonly type: "segment-end"; readonly segment: IncomingSegment; readonly isComplete: boolean };
