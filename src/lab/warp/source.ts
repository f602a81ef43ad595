/** A live encoder: sound of 128 kbit/s and pictures of 1.5 Mbit/s, with a keyframe for each group, in real fragments of zeros. */

import { type Micros, millis, seconds } from "../../base/time.ts";
import {
  emitAudioEntry,
  emitBox,
  emitFragment,
  emitInit,
  emitVideoEntry,
  NON_SYNC_SAMPLE,
  SYNC_SAMPLE,
} from "../../media/bmff/index.ts";
import { type MediaObject, Packager } from "../../media/packager/index.ts";

export const VIDEO_RATE = 1.5e6;
export const AUDIO_RATE = 128e3;
export const FRAME_RATE = 30;
/** Milliseconds of sound in a fragment. */
const AUDIO_FRAME = 20;
/** Bytes of a keyframe, in those of another frame. */
const KEYFRAME = 5;
const VIDEO = 1;
const AUDIO = 2;
const AUDIO_SCALE = 48_000;
const VIDEO_SCALE = 15_360;

export interface Frame {
  /** After the beginning: when the encoder has it. */
  readonly due: Micros;
  readonly object: MediaObject;
}

/** Everything that is made in `duration` seconds, in order. `group` is the seconds between keyframes. */
export function encode(
  duration: number,
  group: number,
): { readonly init: Uint8Array; readonly frames: readonly Frame[] } {
  const packager = new Packager();
  const frames: Frame[] = [];
  const push = (bytes: Uint8Array, due: Micros): void => {
    packager.push(bytes);
    for (let event = packager.pollEvent(); event !== undefined; event = packager.pollEvent())
      if (event.type === "object") frames.push({ due, object: event.object });
  };
  const init = initBytes();
  push(init, millis(0));
  const inGroup = group * FRAME_RATE;
  const small = Math.round((VIDEO_RATE / 8) * (group / (KEYFRAME + inGroup - 1)));
  const picture = new Uint8Array(KEYFRAME * small);
  const sound = new Uint8Array((AUDIO_RATE / 8) * (AUDIO_FRAME / 1_000));
  let audio = 0;
  for (let frame = 0; frame < duration * FRAME_RATE; frame += 1) {
    const time = frame / FRAME_RATE;
    for (; audio * AUDIO_FRAME < time * 1_000; audio += 1) {
      const units = (AUDIO_SCALE / 1_000) * AUDIO_FRAME;
      push(fragment(AUDIO, audio * units, units, sound, true), millis(audio * AUDIO_FRAME));
    }
    const isKeyframe = frame % inGroup === 0;
    const units = VIDEO_SCALE / FRAME_RATE;
    push(
      fragment(VIDEO, frame * units, units, picture.subarray(0, isKeyframe ? picture.length : small), isKeyframe),
      seconds(time),
    );
  }
  return { init, frames };
}

function initBytes(): Uint8Array {
  const size = { width: 1_280, height: 720 };
  const avcC = emitBox("avcC", Uint8Array.of(1, 0x4d, 0x40, 0x1f, 0xff, 0xe0, 0));
  const video = {
    id: VIDEO,
    timescale: VIDEO_SCALE,
    size,
    entry: emitVideoEntry("avc1", size.width, size.height, avcC),
  };
  const sound = { channels: 2, sampleRate: AUDIO_SCALE, bits: 16 };
  const entry = emitAudioEntry("Opus", sound, emitBox("dOps", new Uint8Array(11)));
  return emitInit([video, { id: AUDIO, timescale: AUDIO_SCALE, size: undefined, entry }]);
}

function fragment(
  trackId: number,
  baseDecodeTime: number,
  duration: number,
  data: Uint8Array,
  isKeyframe: boolean,
): Uint8Array {
  const flags = isKeyframe ? SYNC_SAMPLE : NON_SYNC_SAMPLE;
  const sample = { size: data.length, duration, compositionOffset: 0, flags };
  return emitFragment({ sequence: 1, trackId, baseDecodeTime, samples: [sample], payload: [data] });
}
