/** Initialization segments (ISO/IEC 14496-12 §8.2, 8.8; CMAF headers): the tracks of a stream, and the defaults of their samples. */

import { concat, fromLatin1 } from "../../wire/text.ts";
import { type Box, boxesIn, childrenOf, findBox, readBox, readFullBox, requireBox } from "./box.ts";
import { type Codec, codecOf } from "./codec.ts";
import { emitBox } from "./emit.ts";
import { BmffError } from "./errors.ts";

/** Tracks of one initialization segment. */
export const MAX_TRACKS = 64;

/** What applies to samples that do not say it themselves (`trex`). */
export interface SampleDefaults {
  readonly duration: number;
  readonly size: number;
  readonly flags: number;
}

/** A track, as its `trak` and `trex` describe it. */
export interface Track {
  readonly id: number;
  readonly kind: "video" | "audio" | "other";
  /** Units in a second. */
  readonly timescale: number;
  readonly codec: Codec;
  /** Pixels. */
  readonly width: number | undefined;
  readonly height: number | undefined;
  /** Hertz. */
  readonly sampleRate: number | undefined;
  readonly channels: number | undefined;
  readonly defaults: SampleDefaults;
  /** An initialization segment with this track alone. */
  readonly init: Uint8Array;
}

/** An initialization segment, read. */
export interface InitSegment {
  /** `ftyp` and `moov`. */
  readonly bytes: Uint8Array;
  readonly tracks: readonly Track[];
}

const VIDEO_FIELDS = 78;
const AUDIO_FIELDS = 28;

/** `ftyp` may be missing; a `moov` has to be there. Throws a `BmffError`. */
export function parseInitSegment(bytes: Uint8Array): InitSegment {
  const boxes = boxesIn(bytes);
  const ftyp = findBox(boxes, "ftyp");
  const moov = findBox(boxes, "moov");
  if (moov === undefined) throw new BmffError("INIT", "file", "no moov box");
  const children = childrenOf(moov);
  const mvex = findBox(children, "mvex");
  if (mvex === undefined) {
    const advice = "not a fragmented file; ffmpeg writes one with -movflags +cmaf+frag_keyframe";
    throw new BmffError("INIT", moov.path, `no mvex box: ${advice}`);
  }
  const defaults = childrenOf(mvex)
    .filter(({ type }) => type === "trex")
    .map((trex) => ({ box: trex, ...parseTrackDefaults(trex) }));
  const traks = children.filter(({ type }) => type === "trak");
  if (traks.length === 0) throw new BmffError("INIT", moov.path, "no tracks");
  if (traks.length > MAX_TRACKS) throw new BmffError("INIT", moov.path, `more than ${MAX_TRACKS} tracks`);
  const mvhd = requireBox(moov, children, "mvhd", "INIT");
  const tracks = traks.map((trak) => {
    const id = trackIdOf(trak);
    const own = defaults.find((each) => each.trackId === id);
    if (own === undefined) throw new BmffError("INIT", mvex.path, `no trex box for track ${id}`);
    const movie = emitBox("moov", mvhd.bytes, trak.bytes, emitBox("mvex", own.box.bytes));
    const init = concat(...(ftyp === undefined ? [movie] : [ftyp.bytes, movie]));
    return parseTrack(trak, id, own.defaults, init);
  });
  const ids = new Set(tracks.map(({ id }) => id));
  if (ids.size < tracks.length) throw new BmffError("INIT", moov.path, "two tracks with the same id");
  return { bytes, tracks };
}

function parseTrackDefaults(trex: Box): { trackId: number; defaults: SampleDefaults } {
  return readFullBox(trex, "INIT", ({ reader }) => {
    const trackId = reader.uint32();
    reader.skip(4);
    return { trackId, defaults: { duration: reader.uint32(), size: reader.uint32(), flags: reader.uint32() } };
  });
}

function trackIdOf(trak: Box): number {
  const tkhd = requireBox(trak, childrenOf(trak), "tkhd", "INIT");
  return readFullBox(tkhd, "INIT", ({ version, reader }) => {
    reader.skip(version === 1 ? 16 : 8);
    return reader.uint32();
  });
}

function parseTrack(trak: Box, id: number, defaults: SampleDefaults, init: Uint8Array): Track {
  const mdia = requireBox(trak, childrenOf(trak), "mdia", "INIT");
  const media = childrenOf(mdia);
  const mdhd = requireBox(mdia, media, "mdhd", "INIT");
  const timescale = readFullBox(mdhd, "INIT", ({ version, reader }) => {
    reader.skip(version === 1 ? 16 : 8);
    return reader.uint32();
  });
  if (timescale === 0) throw new BmffError("INIT", mdhd.path, "a timescale of 0");
  const handler = readFullBox(requireBox(mdia, media, "hdlr", "INIT"), "INIT", ({ reader }) => {
    reader.skip(4);
    return fromLatin1(reader.view(4));
  });
  const minf = requireBox(mdia, media, "minf", "INIT");
  const stbl = requireBox(minf, childrenOf(minf), "stbl", "INIT");
  const table = childrenOf(stbl);
  refuseSamples(table);
  const entry = firstEntry(requireBox(stbl, table, "stsd", "INIT"));
  const common = { id, timescale, defaults, init };
  const none = { width: undefined, height: undefined, sampleRate: undefined, channels: undefined };
  switch (handler) {
    case "vide": {
      const size = readBox(entry, "INIT", (reader) => {
        reader.skip(24);
        return { width: reader.uint16(), height: reader.uint16() };
      });
      return { ...common, ...none, ...size, kind: "video", codec: codecOf(entry, VIDEO_FIELDS) };
    }
    case "soun": {
      const sound = readBox(entry, "INIT", (reader) => {
        reader.skip(16);
        const channels = reader.uint16();
        reader.skip(6);
        return { channels, sampleRate: reader.uint16() };
      });
      return { ...common, ...none, ...sound, kind: "audio", codec: codecOf(entry, AUDIO_FIELDS) };
    }
    default:
      return { ...common, ...none, kind: "other", codec: { name: entry.type, configuration: new Uint8Array(0) } };
  }
}

/** CMAF §7.3.1: an initialization segment has no samples. */
function refuseSamples(table: readonly Box[]): void {
  const stsz = findBox(table, "stsz");
  if (stsz === undefined) return;
  const count = readFullBox(stsz, "INIT", ({ reader }) => {
    reader.skip(4);
    return reader.uint32();
  });
  if (count > 0) {
    throw new BmffError("INIT", stsz.path, `${count} samples before the first fragment; add -movflags +empty_moov`);
  }
}

function firstEntry(stsd: Box): Box {
  const [entry] = childrenOf(stsd, 8);
  if (entry === undefined) throw new BmffError("INIT", stsd.path, "no sample entry");
  return entry;
}
