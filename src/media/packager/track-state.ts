/** Where a track is: its groups, its time, and whether a decoder could follow. */

import { isSync, presentationTime, type Sample, type Track, type TrackFragment } from "../bmff/index.ts";
import type { Notice, NoticeCode } from "./events.ts";

/** Seconds. A longer gap between fragments is a jump. */
const MAX_GAP = 1;
/** Seconds. Overlaps up to this are rounding. */
const MAX_OVERLAP = 0.1;

/** When tracks without keyframes begin a group. */
export interface GroupCuts {
  /** Seconds: the time of the newest video group; undefined without video. */
  readonly videoGroup: number | undefined;
  /** Seconds, without video. */
  readonly duration: number;
}

export interface Placement {
  readonly group: number;
  readonly object: number;
  readonly isDiscontinuous: boolean;
}

export class TrackState {
  track: Track;
  readonly #notify: (notice: Notice) => void;
  readonly #noticed = new Set<NoticeCode>();
  /** The last group, before the first one. */
  #group: number;
  #object = 0;
  /** Seconds: when the group began. */
  #groupStart = 0;
  #hasGroup = false;
  #expected: number | undefined;
  #isWaiting = true;

  constructor(track: Track, firstGroup: number, notify: (notice: Notice) => void) {
    this.track = track;
    this.#group = firstGroup - 1;
    this.#notify = notify;
  }

  /** The number of the next group. */
  get nextGroup(): number {
    return this.#group + 1;
  }

  /** Another initialization segment applies from now on. */
  replace(track: Track): void {
    const before = summary(this.track);
    const now = summary(track);
    this.track = track;
    this.#noticed.clear();
    this.interrupt();
    if (before !== now) this.#tell("track-changed", `was ${before}, is ${now}`);
  }

  /** Media was lost: a decoder has to wait for a keyframe. */
  interrupt(): void {
    this.#isWaiting = true;
    this.#hasGroup = false;
  }

  /** The samples with their final times: those of a fragment without `tfdt` follow the one before. */
  timed(fragment: TrackFragment): readonly Sample[] {
    if (fragment.baseDecodeTime !== undefined) return fragment.samples;
    this.#once("missing-decode-time", "a fragment without a tfdt box is taken to follow the one before");
    const start = this.#expected ?? 0;
    return fragment.samples.map((sample) => ({ ...sample, decodeTime: sample.decodeTime + start }));
  }

  /** The place of the next object; undefined if it has to be dropped. `samples` are not empty. */
  place(samples: readonly Sample[], cuts: GroupCuts): Placement | undefined {
    const first = samples[0]!;
    const { kind, timescale } = this.track;
    const isDiscontinuous = this.#followTime(samples);
    this.#noticeOrder(samples);
    if (kind === "video") {
      if (isSync(first)) return this.#begin(first, isDiscontinuous);
      if (this.#isWaiting) {
        this.#once("waiting-for-keyframe", "video before a keyframe is dropped");
        return undefined;
      }
      return this.#next(isDiscontinuous);
    }
    const time = first.decodeTime / timescale;
    const isNew = !this.#hasGroup || isDiscontinuous || this.#isCut(time, cuts);
    return isNew ? this.#begin(first, isDiscontinuous) : this.#next(false);
  }

  #isCut(time: number, { videoGroup, duration }: GroupCuts): boolean {
    if (videoGroup === undefined) return time >= this.#groupStart + duration;
    return time >= videoGroup && this.#groupStart < videoGroup;
  }

  #begin(first: Sample, isDiscontinuous: boolean): Placement {
    this.#group += 1;
    this.#object = 0;
    this.#hasGroup = true;
    this.#isWaiting = false;
    this.#noticed.delete("waiting-for-keyframe");
    this.#groupStart = first.decodeTime / this.track.timescale;
    return { group: this.#group, object: 0, isDiscontinuous };
  }

  #next(isDiscontinuous: boolean): Placement {
    this.#object += 1;
    return { group: this.#group, object: this.#object, isDiscontinuous };
  }

  /** Returns true if the time does not follow from what was before. */
  #followTime(samples: readonly Sample[]): boolean {
    const { timescale } = this.track;
    const expected = this.#expected;
    const { decodeTime } = samples[0]!;
    const last = samples.at(-1)!;
    this.#expected = last.decodeTime + last.duration;
    if (expected === undefined) return false;
    const gap = (decodeTime - expected) / timescale;
    if (gap <= MAX_GAP && gap >= -MAX_OVERLAP) return false;
    const amount = `${Math.abs(gap).toFixed(3)} s`;
    this.#tell("timestamp-jump", gap > 0 ? `a gap of ${amount}` : `times went back by ${amount}`);
    return true;
  }

  #noticeOrder(samples: readonly Sample[]): void {
    for (let i = 1; i < samples.length; i += 1) {
      if (presentationTime(samples[i]!) >= presentationTime(samples[i - 1]!)) continue;
      this.#once("b-frames", "frames are not in presentation order, which delays live video; use -tune zerolatency");
      return;
    }
    // One frame in each fragment: an encoder that reorders shifts presentation by whole frames.
    const [first] = samples;
    if (samples.length === 1 && first!.duration > 0 && first!.compositionOffset >= 2 * first!.duration) {
      this.#once("b-frames", "frames are presented later than decoded, which delays live video; use -tune zerolatency");
    }
  }

  /** Not again until it is over. */
  #once(code: NoticeCode, message: string): void {
    if (this.#noticed.has(code)) return;
    this.#noticed.add(code);
    this.#tell(code, message);
  }

  #tell(code: NoticeCode, message: string): void {
    this.#notify({ code, trackId: this.track.id, message: `track ${this.track.id}: ${message}` });
  }
}

/** What a decoder must be set up for, in words. */
function summary({ codec, timescale, width, height, sampleRate, channels }: Track): string {
  const size = width === undefined ? "" : `, ${width}×${height}`;
  const sound = sampleRate === undefined ? "" : `, ${sampleRate} Hz, ${channels} channels`;
  return `${codec.name}${size}${sound}, ${timescale} units per second`;
}
