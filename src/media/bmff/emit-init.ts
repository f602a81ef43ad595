/** Writes initialization segments: `ftyp` and a `moov` without samples, as CMAF headers are. */

import { concat, latin1, utf8 } from "../../wire/text.ts";
import { emitBox, emitFullBox, uint16, uint32 } from "./emit.ts";

/** A track of `emitInit`. */
export interface InitTrack {
  readonly id: number;
  /** Units in a second. */
  readonly timescale: number;
  /** Pixels; undefined for sound. */
  readonly size: { readonly width: number; readonly height: number } | undefined;
  /** A box for `stsd`, of `emitVideoEntry` or `emitAudioEntry`. */
  readonly entry: Uint8Array;
}

const FIXED_ONE = 0x1_0000;
const MATRIX = uint32(FIXED_ONE, 0, 0, 0, FIXED_ONE, 0, 0, 0, 0x4000_0000);
const DPI_72 = 0x48_0000;
/** "und", in three times five bits. */
const UNDETERMINED = 0x55c4;
/** Enabled, and used in the presentation. */
const TRACK_FLAGS = 0x3;

/** `ftyp` and `moov`. */
export function emitInit(tracks: readonly InitTrack[]): Uint8Array {
  const ftyp = emitBox("ftyp", latin1("iso6"), uint32(0), latin1("iso6cmfcmp41"));
  const next = Math.max(0, ...tracks.map(({ id }) => id)) + 1;
  const volume = uint16(0x100, 0);
  const movie = concat(
    uint32(0, 0, 1_000, 0, FIXED_ONE),
    volume,
    uint32(0, 0),
    MATRIX,
    new Uint8Array(24),
    uint32(next),
  );
  const defaults = tracks.map(({ id }) => emitFullBox("trex", 0, 0, uint32(id, 1, 0, 0, 0)));
  const mvhd = emitFullBox("mvhd", 0, 0, movie);
  return concat(ftyp, emitBox("moov", mvhd, ...tracks.map(emitTrack), emitBox("mvex", ...defaults)));
}

function emitTrack({ id, timescale, size, entry }: InitTrack): Uint8Array {
  const isVideo = size !== undefined;
  const layout = uint16(0, 0, isVideo ? 0 : 0x100, 0);
  const extent = uint32((size?.width ?? 0) * FIXED_ONE, (size?.height ?? 0) * FIXED_ONE);
  const tkhd = emitFullBox("tkhd", 0, TRACK_FLAGS, uint32(0, 0, id, 0, 0, 0, 0), layout, MATRIX, extent);
  const mdhd = emitFullBox("mdhd", 0, 0, uint32(0, 0, timescale, 0), uint16(UNDETERMINED, 0));
  const handler = concat(uint32(0), latin1(isVideo ? "vide" : "soun"), new Uint8Array(12), utf8("nagare\0"));
  const media = isVideo ? emitFullBox("vmhd", 0, 1, uint32(0, 0)) : emitFullBox("smhd", 0, 0, uint32(0));
  // The media is in the same file.
  const dinf = emitBox("dinf", emitFullBox("dref", 0, 0, uint32(1), emitFullBox("url ", 0, 1)));
  const empty = ["stts", "stsc", "stco"].map((type) => emitFullBox(type, 0, 0, uint32(0)));
  const stsd = emitFullBox("stsd", 0, 0, uint32(1), entry);
  const stbl = emitBox("stbl", stsd, ...empty, emitFullBox("stsz", 0, 0, uint32(0, 0)));
  const mdia = emitBox("mdia", mdhd, emitFullBox("hdlr", 0, 0, handler), emitBox("minf", media, dinf, stbl));
  return emitBox("trak", tkhd, mdia);
}

/** `configuration` is the box with the codec's configuration, for example `avcC`. */
export function emitVideoEntry(type: string, width: number, height: number, configuration: Uint8Array): Uint8Array {
  const resolution = uint32(DPI_72, DPI_72, 0);
  const rest = concat(uint16(1), new Uint8Array(32), uint16(0x18, 0xffff));
  return emitBox(type, ENTRY, new Uint8Array(16), uint16(width, height), resolution, rest, configuration);
}

/** `configuration` is the box with the codec's configuration, for example `dfLa`; `bits` of a sample, before compression. */
export function emitAudioEntry(
  type: string,
  { channels, sampleRate, bits }: { readonly channels: number; readonly sampleRate: number; readonly bits: number },
  configuration: Uint8Array,
): Uint8Array {
  const rate = uint32(sampleRate * FIXED_ONE);
  return emitBox(type, ENTRY, new Uint8Array(8), uint16(channels, bits, 0, 0), rate, configuration);
}

/** Reserved bytes, and the index of the data reference. */
const ENTRY = uint16(0, 0, 0, 1);
