/** What a packager tells: initialization segments, objects, and notices for people. */

import type { InitSegment, Sample, Track } from "../bmff/index.ts";

/** An initialization segment, with a number that grows with each different one. */
export interface PublishedInit {
  readonly id: number;
  readonly segment: InitSegment;
}

/** A CMAF chunk: `moof` and `mdat` of one track, after the `prft` and `emsg` boxes that belong to it. */
export interface MediaObject {
  readonly track: Track;
  /** Of the initialization segment that its decoder needs. */
  readonly initId: number;
  readonly group: number;
  /** 0 for the first of its group. */
  readonly object: number;
  /** True if a decoder can begin with it. */
  readonly isSync: boolean;
  /** True if its time does not follow from that of the one before. */
  readonly isDiscontinuous: boolean;
  /** The decode time of the first sample, in the track's units. */
  readonly decodeTime: number;
  /** The earliest presentation time of its samples. */
  readonly presentationTime: number;
  /** The sum of its samples' durations. */
  readonly duration: number;
  /** Milliseconds since 1970 at which its producer saw it, if a `prft` box says so. */
  readonly wallClock: number | undefined;
  /** Offsets count from the beginning of the `moof`, which begins at `moofStart`. */
  readonly samples: readonly Sample[];
  readonly moofStart: number;
  readonly bytes: Uint8Array;
}

export type NoticeCode =
  /** Fragments came before their initialization segment, and were dropped. */
  | "missing-init"
  /** Video before the first keyframe, or after lost media, which no decoder can use, was dropped. */
  | "waiting-for-keyframe"
  | "fragment-too-large"
  | "unknown-track"
  /** A track has another codec, sampling rate or size than before. */
  | "track-changed"
  /** Decode times went back, or left a gap. */
  | "timestamp-jump"
  /** Frames are not in presentation order: the encoder waits for later frames, which delays live video. */
  | "b-frames"
  /** A fragment does not say when it begins (`tfdt`); it is taken to follow the one before. */
  | "missing-decode-time"
  /** More `emsg` boxes before one fragment than are kept. */
  | "too-many-events";

export interface Notice {
  readonly code: NoticeCode;
  readonly trackId: number | undefined;
  readonly message: string;
}

export type PackagerEvent =
  | { readonly type: "init"; readonly init: PublishedInit }
  | { readonly type: "object"; readonly object: MediaObject }
  | { readonly type: "notice"; readonly notice: Notice };
