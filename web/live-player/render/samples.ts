/** The samples of a fragment, as decoders take them. */

import type { AssembledFragment } from "../../../src/media/assembly/index.ts";
import { boxesIn, isSync, parseFragment, presentationTime, type Track } from "../../../src/media/bmff/index.ts";

/** A frame before it is decoded. Times in microseconds. */
export interface EncodedSample {
  readonly type: "key" | "delta";
  readonly timestamp: number;
  readonly duration: number;
  readonly data: Uint8Array;
}

/** Throws a `BmffError`. */
export function samplesOf({
  bytes,
  track,
  init,
}: Pick<AssembledFragment, "bytes" | "track" | "init">): EncodedSample[] {
  const samples: EncodedSample[] = [];
  const toMicros = 1e6 / track.timescale;
  for (const box of boxesIn(bytes)) {
    if (box.type !== "moof") continue;
    const start = box.bytes.byteOffset - bytes.byteOffset;
    for (const { samples: those } of parseFragment(box.bytes, init).tracks) {
      for (const sample of those) {
        const from = start + sample.offset;
        samples.push({
          type: isSync(sample) ? "key" : "delta",
          timestamp: Math.round(presentationTime(sample) * toMicros),
          duration: Math.round(sample.duration * toMicros),
          data: bytes.subarray(from, from + sample.size),
        });
      }
    }
  }
  return samples;
}

const FLAC_MARK = [0x66, 0x4c, 0x61, 0x43];
/** Version and flags of `dfLa`. */
const FULL_BOX = 4;

/** What WebCodecs calls the description; undefined if the codec needs none. */
export function descriptionOf({ codec: { name, configuration } }: Track): Uint8Array | undefined {
  if (name === "flac") return Uint8Array.of(...FLAC_MARK, ...configuration.subarray(FULL_BOX));
  // Without one, Opus has at most two channels, as here.
  if (name === "opus" || configuration.length === 0) return undefined;
  return configuration;
}
