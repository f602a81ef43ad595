/** What a decoder must know of a track, from its sample entry: the codec's name as RFC 6381 spells it, and its configuration. */

import type { Reader } from "../../wire/reader.ts";
import { type Box, boxesIn, findBox, readBox } from "./box.ts";
import { BmffError } from "./errors.ts";

/** How a track is coded. */
export interface Codec {
  /** RFC 6381: `avc1.4d401f`, `mp4a.40.2`, `opus`; the sample entry's type if the codec is not known. */
  readonly name: string;
  /** What WebCodecs calls the description: the body of `avcC`, the AudioSpecificConfig of `esds`; empty if there is none. */
  readonly configuration: Uint8Array;
}

const NOTHING = new Uint8Array(0);
const hex2 = (value: number): string => value.toString(16).padStart(2, "0");
const dec2 = (value: number): string => String(value).padStart(2, "0");

type Describe = (entry: string, reader: Reader) => string;

/** The configuration box of each sample entry, and how it names the codec. */
const CODECS: Readonly<Record<string, readonly [box: string, describe: Describe]>> = {
  avc1: ["avcC", avcName],
  avc3: ["avcC", avcName],
  hvc1: ["hvcC", hevcName],
  hev1: ["hvcC", hevcName],
  av01: ["av1C", av1Name],
  vp08: ["vpcC", vpName],
  vp09: ["vpcC", vpName],
  Opus: ["dOps", () => "opus"],
  fLaC: ["dfLa", () => "flac"],
};

/** `fields` is the length of the sample entry's fields before its boxes. */
export function codecOf(entry: Box, fields: number): Codec {
  const boxes = boxesIn(entry.bytes, Math.min(entry.bytes.length, entry.bodyStart + fields), entry.path);
  if (entry.type === "mp4a") return aacCodec(boxes);
  const row = CODECS[entry.type];
  const box = row === undefined ? undefined : findBox(boxes, row[0]);
  if (row === undefined || box === undefined) return { name: entry.type, configuration: NOTHING };
  const name = readBox(box, "INIT", (reader) => row[1](entry.type, reader));
  return { name, configuration: box.bytes.subarray(box.bodyStart) };
}

/** ISO/IEC 14496-15 annex E: profile, constraints and level in hexadecimal. */
function avcName(entry: string, reader: Reader): string {
  reader.skip(1);
  return `${entry}.${hex2(reader.uint8())}${hex2(reader.uint8())}${hex2(reader.uint8())}`;
}

/** ISO/IEC 14496-15 annex E.3. */
function hevcName(entry: string, reader: Reader): string {
  reader.skip(1);
  const profile = reader.uint8();
  let compatibility = reader.uint32();
  let reversed = 0;
  for (let bit = 0; bit < 32; bit += 1) {
    reversed = (reversed << 1) | (compatibility & 1);
    compatibility >>>= 1;
  }
  const constraints = [...reader.view(6)];
  const level = reader.uint8();
  while (constraints.length > 0 && constraints.at(-1) === 0) constraints.pop();
  const space = ["", "A", "B", "C"][profile >>> 6]!;
  const tier = (profile & 0x20) === 0 ? "L" : "H";
  const parts = [`${space}${profile & 0x1f}`, (reversed >>> 0).toString(16), `${tier}${level}`];
  return [entry, ...parts, ...constraints.map((value) => value.toString(16))].join(".");
}

/** AV1's own mapping, §5. */
function av1Name(entry: string, reader: Reader): string {
  reader.skip(1);
  const profileAndLevel = reader.uint8();
  const flags = reader.uint8();
  const tier = (flags & 0x80) === 0 ? "M" : "H";
  const depth = (flags & 0x40) === 0 ? 8 : (flags & 0x20) === 0 ? 10 : 12;
  return `${entry}.${profileAndLevel >>> 5}.${dec2(profileAndLevel & 0x1f)}${tier}.${dec2(depth)}`;
}

/** VP Codec ISO Media File Format Binding. */
function vpName(entry: string, reader: Reader): string {
  reader.skip(4);
  const profile = reader.uint8();
  const level = reader.uint8();
  return `${entry}.${dec2(profile)}.${dec2(level)}.${dec2(reader.uint8() >>> 4)}`;
}

const DECODER_CONFIG = 0x04;
const DECODER_SPECIFIC = 0x05;
const MPEG4_AUDIO = 0x40;

/** ISO/IEC 14496-14 §5.6: descriptors in `esds`, each a tag, a length in groups of seven bits, and a body. */
function aacCodec(boxes: readonly Box[]): Codec {
  const esds = findBox(boxes, "esds");
  if (esds === undefined) return { name: "mp4a", configuration: NOTHING };
  return readBox(esds, "INIT", (reader) => {
    reader.skip(4);
    const stream = descriptor(reader, esds, 0x03);
    stream.skip(2);
    const flags = stream.uint8();
    if ((flags & 0x80) !== 0) stream.skip(2);
    if ((flags & 0x40) !== 0) stream.skip(stream.uint8());
    if ((flags & 0x20) !== 0) stream.skip(2);
    const decoder = descriptor(stream, esds, DECODER_CONFIG);
    const objectType = decoder.uint8();
    decoder.skip(12);
    if (objectType !== MPEG4_AUDIO || decoder.isAtEnd) {
      return { name: `mp4a.${hex2(objectType)}`, configuration: NOTHING };
    }
    const configuration = descriptor(decoder, esds, DECODER_SPECIFIC).rest();
    return { name: `mp4a.40.${audioObjectType(configuration)}`, configuration };
  });
}

function descriptor(reader: Reader, esds: Box, expected: number): Reader {
  const tag = reader.uint8();
  if (tag !== expected) throw new BmffError("INIT", esds.path, `a descriptor of type ${tag}, not ${expected}`);
  let length = 0;
  for (let i = 0; i < 4; i += 1) {
    const byte = reader.uint8();
    length = (length << 7) | (byte & 0x7f);
    if (byte < 0x80) break;
  }
  return reader.sub(length);
}

/** ISO/IEC 14496-3 §1.6.2.1: five bits, or 32 and six more. */
function audioObjectType(configuration: Uint8Array): number {
  const first = (configuration[0] ?? 0) >>> 3;
  if (first !== 31) return first;
  return 32 + ((((configuration[0] ?? 0) & 0x07) << 3) | ((configuration[1] ?? 0) >>> 5));
}
