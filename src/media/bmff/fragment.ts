/** Movie fragments (ISO/IEC 14496-12 §8.8): where the samples of a `moof` are, when, and how they depend on each other. */

import { type Box, boxesIn, childrenOf, findBox, readFullBox, readInt32, readUint64, requireBox } from "./box.ts";
import { BmffError } from "./errors.ts";
import type { InitSegment, SampleDefaults, Track } from "./init-segment.ts";
import { isSyncSample } from "./sample-flags.ts";

/** Samples of one fragment: an hour of frames, and more than encoders put into one. */
export const MAX_SAMPLES = 65_536;

/** ISO/IEC 23001-7. */
const ENCRYPTION: readonly string[] = ["senc", "saiz", "saio"];

/** A frame of video, or a piece of sound. */
export interface Sample {
  /** Where its bytes begin, after the beginning of the `moof`. */
  readonly offset: number;
  /** Bytes. */
  readonly size: number;
  /** In the track's units, like all times here. */
  readonly duration: number;
  readonly decodeTime: number;
  /** Presentation time minus decode time; negative in version 1. */
  readonly compositionOffset: number;
  readonly flags: number;
}

/** The part of a fragment that is of one track. */
export interface TrackFragment {
  readonly track: Track;
  /** Undefined without `tfdt`; the samples' times begin at 0 then. */
  readonly baseDecodeTime: number | undefined;
  readonly samples: readonly Sample[];
  /** True if the samples are encrypted: what decrypts them stands in boxes of the fragment. */
  readonly isEncrypted: boolean;
  /** True if offsets count from the beginning of the file, so that the fragment cannot be moved as it is. */
  readonly isAnchored: boolean;
}

/** A `moof`, read. */
export interface Fragment {
  readonly sequence: number;
  readonly tracks: readonly TrackFragment[];
  /** Ids of tracks that the initialization segment does not have; their samples are left out. */
  readonly unknownTracks: readonly number[];
}

/** When a sample is shown, in the track's units. */
export const presentationTime = (sample: Sample): number => sample.decodeTime + sample.compositionOffset;
/** True if a decoder can begin with the sample. */
export const isSync = (sample: Sample): boolean => isSyncSample(sample.flags);

/** `moofOffset` is where the box began in the stream. Throws a `BmffError`. */
export function parseFragment(moofBytes: Uint8Array, init: InitSegment, moofOffset = 0): Fragment {
  const moof = boxesIn(moofBytes)[0]!;
  const children = childrenOf(moof);
  const sequence = readFullBox(requireBox(moof, children, "mfhd", "FRAGMENT"), "FRAGMENT", ({ reader }) =>
    reader.uint32(),
  );
  const tracks: TrackFragment[] = [];
  const unknownTracks: number[] = [];
  let left = MAX_SAMPLES;
  // §8.8.7.1: without an offset of its own, a track's data follows that of the one before it.
  let end = 0;
  for (const traf of children.filter(({ type }) => type === "traf")) {
    const boxes = childrenOf(traf);
    const header = parseTrackHeader(requireBox(traf, boxes, "tfhd", "FRAGMENT"));
    const track = init.tracks.find(({ id }) => id === header.trackId);
    if (track === undefined) {
      unknownTracks.push(header.trackId);
      continue;
    }
    const base =
      header.baseDataOffset === undefined ? (header.isMoofBase ? 0 : end) : header.baseDataOffset - moofOffset;
    const tfdt = findBox(boxes, "tfdt");
    const baseDecodeTime = tfdt === undefined ? undefined : parseDecodeTime(tfdt);
    const runs = new RunReader(header.over(track.defaults), base, baseDecodeTime ?? 0, left);
    for (const trun of boxes) if (trun.type === "trun") runs.read(trun);
    left -= runs.samples.length;
    end = runs.end;
    tracks.push({
      track,
      baseDecodeTime,
      samples: runs.samples,
      isEncrypted: boxes.some(({ type }) => ENCRYPTION.includes(type)),
      isAnchored: header.baseDataOffset !== undefined,
    });
  }
  return { sequence, tracks, unknownTracks };
}

interface TrackHeader {
  readonly trackId: number;
  readonly baseDataOffset: number | undefined;
  readonly isMoofBase: boolean;
  readonly over: (defaults: SampleDefaults) => SampleDefaults;
}

/** §8.8.7. */
function parseTrackHeader(tfhd: Box): TrackHeader {
  return readFullBox(tfhd, "FRAGMENT", ({ flags, reader }) => {
    const trackId = reader.uint32();
    const baseDataOffset = (flags & 0x1) === 0 ? undefined : readUint64(reader);
    if ((flags & 0x2) !== 0) reader.skip(4);
    const duration = (flags & 0x8) === 0 ? undefined : reader.uint32();
    const size = (flags & 0x10) === 0 ? undefined : reader.uint32();
    const sampleFlags = (flags & 0x20) === 0 ? undefined : reader.uint32();
    return {
      trackId,
      baseDataOffset,
      isMoofBase: (flags & 0x2_0000) !== 0,
      over: (defaults) => ({
        duration: duration ?? defaults.duration,
        size: size ?? defaults.size,
        flags: sampleFlags ?? defaults.flags,
      }),
    };
  });
}

/** §8.8.12. */
const parseDecodeTime = (tfdt: Box): number =>
  readFullBox(tfdt, "FRAGMENT", ({ version, reader }) => (version === 1 ? readUint64(reader) : reader.uint32()));

/** Collects the samples of a track's runs (§8.8.8). */
class RunReader {
  readonly samples: Sample[] = [];
  /** The end of the last sample's data. */
  end: number;
  readonly #defaults: SampleDefaults;
  readonly #base: number;
  readonly #maxSamples: number;
  #time: number;

  constructor(defaults: SampleDefaults, base: number, time: number, maxSamples: number) {
    this.#defaults = defaults;
    this.#base = base;
    this.end = base;
    this.#time = time;
    this.#maxSamples = maxSamples;
  }

  read(trun: Box): void {
    readFullBox(trun, "FRAGMENT", ({ version, flags, reader }) => {
      const count = reader.uint32();
      // Before anything is made: a run without fields for each sample claims any number in twelve bytes.
      if (this.samples.length + count > this.#maxSamples) {
        throw new BmffError("FRAGMENT", trun.path, `more than ${MAX_SAMPLES} samples`);
      }
      if ((flags & 0x1) !== 0) this.end = this.#base + readInt32(reader);
      const first = (flags & 0x4) === 0 ? undefined : reader.uint32();
      const { duration, size, flags: common } = this.#defaults;
      for (let i = 0; i < count; i += 1) {
        const ownDuration = (flags & 0x100) === 0 ? duration : reader.uint32();
        const ownSize = (flags & 0x200) === 0 ? size : reader.uint32();
        const ownFlags = (flags & 0x400) === 0 ? (i === 0 && first !== undefined ? first : common) : reader.uint32();
        const shift = (flags & 0x800) === 0 ? 0 : version === 0 ? reader.uint32() : readInt32(reader);
        this.samples.push({
          offset: this.end,
          size: ownSize,
          duration: ownDuration,
          decodeTime: this.#time,
          compositionOffset: shift,
          flags: ownFlags,
        });
        this.end += ownSize;
        this.#time += ownDuration;
      }
      if (this.#time > Number.MAX_SAFE_INTEGER) throw new BmffError("FRAGMENT", trun.path, "times above 2^53-1");
    });
  }
}
