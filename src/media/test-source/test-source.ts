/**
 * A live source that needs no encoder: fragmented MP4 with H.264 and FLAC, one frame in each fragment, which every player
 * decodes. The picture is a clock; a beep begins with each second.
 */

import { after, type Instant, type Micros, seconds, since, toMillis } from "../../base/time.ts";
import { concat } from "../../wire/text.ts";
import {
  emitAudioEntry,
  emitFragment,
  emitInit,
  emitReferenceTime,
  emitVideoEntry,
  NON_SYNC_SAMPLE,
  SYNC_SAMPLE,
} from "../bmff/index.ts";
import { BITS, BLOCK, flacConfiguration, flacFrame, SAMPLE_RATE } from "./flac.ts";
import { H264Encoder, MACROBLOCK } from "./h264.ts";
import { blocksOf, COLUMNS, pixelsOf, ROWS } from "./picture.ts";

export interface TestSourceOptions {
  /** When the first frame is due. */
  readonly start: Instant;
  /** Pictures in a second; 30 by default, at most 100. */
  readonly frameRate?: number;
  /** Frames from one keyframe to the next; the frame rate by default. */
  readonly keyframeInterval?: number;
  /** True by default. */
  readonly hasVideo?: boolean;
  /** True by default. */
  readonly hasAudio?: boolean;
  /** Milliseconds since 1970 at `start`; with it, each frame of video says when it was made (`prft`). */
  readonly wallClock?: number;
}

export const VIDEO_TRACK = 1;
export const AUDIO_TRACK = 2;
/** Units of the video's timescale for each frame. */
const FRAME_UNITS = 512;
/** Blocks of sound at the beginning of a second in which it beeps. */
const BEEP_BLOCKS = 5;
const PERIOD = 48;
const AMPLITUDE = 8_000;

/** Emits its init first, and then each frame when it is due. */
export class TestSource {
  readonly #options: TestSourceOptions;
  readonly #frameRate: number;
  readonly #interval: number;
  readonly #encoder = new H264Encoder(COLUMNS, ROWS);
  #hasInit = false;
  #frame = 0;
  #block = 0;
  #sequence = 0;
  #shown: readonly string[] = [];

  constructor(options: TestSourceOptions) {
    const { frameRate = 30, hasVideo = true, hasAudio = true } = options;
    if (!Number.isInteger(frameRate) || frameRate < 1 || frameRate > 100) {
      throw new RangeError(`frameRate must be a whole number from 1 to 100, not ${frameRate}`);
    }
    if (!hasVideo && !hasAudio) throw new RangeError("a source needs video or audio");
    this.#options = { ...options, hasVideo, hasAudio };
    this.#frameRate = frameRate;
    this.#interval = Math.max(1, options.keyframeInterval ?? frameRate);
  }

  /** When the next frame is due. */
  nextTimeout(): Instant {
    if (!this.#hasInit) return this.#options.start;
    return this.#isVideoNext() ? this.#dueAt(this.#videoTime) : this.#dueAt(this.#audioTime);
  }

  /** The next bytes that are due, at most one frame; undefined before the next deadline. */
  pollBytes(now: Instant): Uint8Array | undefined {
    if (now < this.nextTimeout()) return undefined;
    if (!this.#hasInit) {
      this.#hasInit = true;
      return this.#init();
    }
    return this.#isVideoNext() ? this.#videoFragment() : this.#audioFragment();
  }

  /** Seconds. */
  get #videoTime(): number {
    return this.#frame / this.#frameRate;
  }

  get #audioTime(): number {
    return (this.#block * BLOCK) / SAMPLE_RATE;
  }

  #isVideoNext(): boolean {
    const { hasVideo, hasAudio } = this.#options;
    return hasVideo === true && (hasAudio !== true || this.#videoTime <= this.#audioTime);
  }

  #dueAt(time: number): Instant {
    return after(this.#options.start, seconds(time));
  }

  #init(): Uint8Array {
    const { hasVideo, hasAudio } = this.#options;
    const width = COLUMNS * MACROBLOCK;
    const height = ROWS * MACROBLOCK;
    const video = {
      id: VIDEO_TRACK,
      timescale: this.#frameRate * FRAME_UNITS,
      size: { width, height },
      entry: emitVideoEntry("avc1", width, height, this.#encoder.configuration()),
    };
    const sound = { channels: 1, sampleRate: SAMPLE_RATE, bits: BITS };
    const entry = emitAudioEntry("fLaC", sound, flacConfiguration());
    const audio = { id: AUDIO_TRACK, timescale: SAMPLE_RATE, size: undefined, entry };
    return emitInit([...(hasVideo ? [video] : []), ...(hasAudio ? [audio] : [])]);
  }

  #videoFragment(): Uint8Array {
    const frame = this.#frame;
    const isKeyframe = frame % this.#interval === 0;
    const blocks = blocksOf(frame, this.#frameRate);
    const data = isKeyframe
      ? this.#encoder.keyframe(blocks.map(pixelsOf))
      : this.#encoder.difference(
          blocks.flatMap((block, index) => (block === this.#shown[index] ? [] : [{ index, pixels: pixelsOf(block) }])),
        );
    this.#shown = blocks;
    this.#frame += 1;
    const mediaTime = frame * FRAME_UNITS;
    const flags = isKeyframe ? SYNC_SAMPLE : NON_SYNC_SAMPLE;
    const fragment = this.#fragment(VIDEO_TRACK, mediaTime, FRAME_UNITS, flags, data);
    const { wallClock, start } = this.#options;
    if (wallClock === undefined) return fragment;
    const elapsed = toMillis(since(start, this.#dueAt(frame / this.#frameRate)) as Micros);
    return concat(emitReferenceTime({ trackId: VIDEO_TRACK, wallClock: wallClock + elapsed, mediaTime }), fragment);
  }

  #audioFragment(): Uint8Array {
    const block = this.#block;
    this.#block += 1;
    const isBeep = block % (SAMPLE_RATE / BLOCK) < BEEP_BLOCKS;
    const samples = isBeep ? Int16Array.from({ length: BLOCK }, (_, i) => triangle(block * BLOCK + i)) : undefined;
    return this.#fragment(AUDIO_TRACK, block * BLOCK, BLOCK, SYNC_SAMPLE, flacFrame(block, samples));
  }

  #fragment(trackId: number, baseDecodeTime: number, duration: number, flags: number, data: Uint8Array): Uint8Array {
    this.#sequence = (this.#sequence + 1) >>> 0;
    const sample = { size: data.length, duration, compositionOffset: 0, flags };
    return emitFragment({ sequence: this.#sequence, trackId, baseDecodeTime, samples: [sample], payload: [data] });
  }
}

/** 1 kHz. */
function triangle(at: number): number {
  const phase = at % PERIOD;
  const rising = phase < PERIOD / 2 ? phase : PERIOD - phase;
  return Math.round((rising / (PERIOD / 4) - 1) * AMPLITUDE);
}
