/** Tracks with an initialization segment each, as one stream of fragmented MP4: one `moov`, and track ids that differ. */

import { concat } from "../../wire/text.ts";
import { type Box, boxesIn, childrenOf, emitBox, findBox, parseInitSegment, requireBox } from "../bmff/index.ts";

/** After version and flags. */
const FULL_BOX = 4;

const writeUint32 = (bytes: Uint8Array, at: number, value: number): void =>
  new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).setUint32(at, value);

/** One initialization segment for all, whose tracks have the ids 1, 2 … in order. Throws a `BmffError`. */
export function mergeInits(inits: readonly Uint8Array[]): Uint8Array {
  const movies = inits.map((init, index) => {
    parseInitSegment(init);
    const moov = findBox(boxesIn(init.slice()), "moov")!;
    const children = childrenOf(moov);
    const trak = requireBox(moov, children, "trak", "INIT");
    const tkhd = requireBox(trak, childrenOf(trak), "tkhd", "INIT");
    const isLong = tkhd.bytes[tkhd.bodyStart] === 1;
    writeUint32(tkhd.bytes, tkhd.bodyStart + FULL_BOX + (isLong ? 16 : 8), index + 1);
    const mvex = requireBox(moov, children, "mvex", "INIT");
    const trex = requireBox(mvex, childrenOf(mvex), "trex", "INIT");
    writeUint32(trex.bytes, trex.bodyStart + FULL_BOX, index + 1);
    return { mvhd: requireBox(moov, children, "mvhd", "INIT"), trak, trex };
  });
  const [first] = movies;
  if (first === undefined) return new Uint8Array(0);
  const ftyp = findBox(boxesIn(inits[0]!), "ftyp")?.bytes ?? new Uint8Array(0);
  const moov = emitBox(
    "moov",
    first.mvhd.bytes,
    ...movies.map(({ trak }) => trak.bytes),
    emitBox("mvex", ...movies.map(({ trex }) => trex.bytes)),
  );
  return concat(ftyp, moov);
}

/** A copy of a chunk whose fragments belong to the track `id`. Throws a `BmffError`. */
export function withTrackId(chunk: Uint8Array, id: number): Uint8Array {
  const bytes = chunk.slice();
  for (const box of boxesIn(bytes)) {
    if (box.type === "prft") writeUint32(box.bytes, box.bodyStart + FULL_BOX, id);
    if (box.type !== "moof") continue;
    for (const traf of childrenOf(box).filter(({ type }) => type === "traf")) setTrack(traf, id);
  }
  return bytes;
}

function setTrack(traf: Box, id: number): void {
  const tfhd = requireBox(traf, childrenOf(traf), "tfhd", "FRAGMENT");
  writeUint32(tfhd.bytes, tfhd.bodyStart + FULL_BOX, id);
}
