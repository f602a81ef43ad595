/** From a packager's objects to LOC: the bytes of a frame as a decoder takes them, with properties beside them. */

import { concat, latin1 } from "../../wire/text.ts";
import { isSync, presentationTime, type Track } from "../bmff/index.ts";
import type { MediaObject } from "../packager/index.ts";
import { emitLocProperties, type LocNumbers, type LocProperty } from "./properties.ts";

/** A frame without a container. */
export interface LocObject {
  readonly properties: readonly LocProperty[];
  /** What WebCodecs takes as the data of an EncodedVideoChunk or EncodedAudioChunk. */
  readonly payload: Uint8Array;
}

const MICROSECONDS = 1_000_000;

/**
 * One LOC object for each sample. Video has a group for each keyframe and carries its decoder's configuration there; the
 * first object of an audio group carries the audio's. With a wall clock, timestamps are microseconds since 1970; without
 * one they are in units of the track, with its timescale.
 */
export function locObjects(object: MediaObject, numbers: LocNumbers = "loc-04"): LocObject[] {
  const { track, samples, bytes, moofStart, wallClock } = object;
  const description = decoderDescription(track);
  return samples.map((sample, index) => {
    const start = moofStart + sample.offset;
    const time = presentationTime(sample);
    const since = ((time - object.decodeTime) / track.timescale) * MICROSECONDS;
    const isFirst = index === 0 && object.object === 0;
    const isKeyframe = isSync(sample);
    const config = description.length === 0 ? undefined : description;
    const properties = emitLocProperties(
      {
        ...(wallClock === undefined
          ? { timestamp: Math.max(0, time), timescale: track.timescale }
          : { timestamp: Math.round(wallClock * 1_000 + since) }),
        ...(track.kind === "video"
          ? { frameMarking: { isStart: true, isEnd: true, isIndependent: isKeyframe, isDiscardable: false } }
          : {}),
        ...(track.kind === "video" && isKeyframe && config !== undefined ? { videoConfig: config } : {}),
        ...(track.kind === "audio" && isFirst && config !== undefined ? { audioConfig: config } : {}),
      },
      numbers,
    );
    return { properties, payload: bytes.subarray(start, start + sample.size) };
  });
}

/** The configuration as WebCodecs takes it: for Opus and FLAC, MP4 has it in another form. */
export function decoderDescription({ codec }: Track): Uint8Array {
  const { name, configuration } = codec;
  if (name === "opus") return opusHead(configuration);
  // dfLa: version and flags before the metadata blocks.
  if (name === "flac") return concat(latin1("fLaC"), configuration.subarray(4));
  return configuration;
}

/** RFC 7845 §5.1; `dOps` has the same fields, most significant byte first. */
function opusHead(box: Uint8Array): Uint8Array {
  if (box.length < 11) return new Uint8Array(0);
  const [, channels, skipHigh, skipLow, r3, r2, r1, r0, gainHigh, gainLow, ...mapping] = box;
  const fields = [1, channels, skipLow, skipHigh, r0, r1, r2, r3, gainLow, gainHigh, ...mapping];
  return concat(latin1("OpusHead"), Uint8Array.from(fields as number[]));
}
