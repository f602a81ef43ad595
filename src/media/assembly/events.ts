/** What an assembly tells. */

import type { InitSegment, Track } from "../bmff/index.ts";

/** A fragment in its place: each track's fragments follow each other in decode order. */
export interface AssembledFragment {
  /** Of the track's events. */
  readonly key: string;
  readonly track: Track;
  readonly init: InitSegment;
  /** As it came, but for its decode time, if its sender said another one. */
  readonly bytes: Uint8Array;
  /** Seconds on the sender's timeline: when its first sample is decoded, and how long its samples last. */
  readonly time: number;
  readonly duration: number;
  /** True if a decoder can begin with it. */
  readonly isSync: boolean;
  /** Milliseconds since 1970 at which its producer saw it, if it says so. */
  readonly wallClock: number | undefined;
  /** Milliseconds by which it came later than the most punctual one of its track. */
  readonly delay: number;
}

/** What an assembly tells: the fragments of each track in order, and what is missing between them. */
export type AssemblyEvent =
  /** A track appears, or needs another initialization segment from here on. */
  | { readonly type: "track"; readonly key: string; readonly track: Track; readonly init: InitSegment }
  | { readonly type: "fragment"; readonly fragment: AssembledFragment }
  /** Media is missing: it was late or cut off, or it never was there. Seconds. */
  | {
      readonly type: "skip";
      readonly key: string;
      readonly from: number;
      readonly to: number;
      readonly reason: "late" | "gap";
    }
  /** The sender's times went back, as when an encoder restarts. Seconds. */
  | { readonly type: "restart"; readonly key: string; readonly from: number; readonly to: number };
