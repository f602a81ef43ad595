/** One initialization segment for tracks that came with one each. */

import { concat } from "../../wire/text.ts";
import { type Box, boxesIn, childrenOf, emitBox, findBox, type Track, uint32 } from "../bmff/index.ts";

/** `ftyp` and `moov` with all tracks, numbered from 1 in this order. */
export function joinInits(tracks: readonly Track[]): Uint8Array {
  const parts = tracks.map(({ init }, index) => partsOf(init, index + 1));
  const { ftyp, mvhd } = parts[0]!;
  // ISO/IEC 14496-12 §8.2.2: it ends with the next track's number.
  const movie = concat(mvhd.subarray(0, -4), uint32(tracks.length + 1));
  const extensions = emitBox("mvex", ...parts.map(({ trex }) => trex));
  return concat(ftyp, emitBox("moov", movie, ...parts.map(({ trak }) => trak), extensions));
}

/** The boxes of a track's own initialization segment, which were checked when it was read. */
function partsOf(init: Uint8Array, id: number) {
  const boxes = boxesIn(init);
  const movie = childrenOf(findBox(boxes, "moov")!);
  const trak = findBox(movie, "trak")!;
  const trex = findBox(childrenOf(findBox(movie, "mvex")!), "trex")!;
  return {
    ftyp: findBox(boxes, "ftyp")?.bytes ?? new Uint8Array(0),
    mvhd: findBox(movie, "mvhd")!.bytes,
    trak: emitBox("trak", ...childrenOf(trak).map((box) => (box.type === "tkhd" ? withTrackId(box, id) : box.bytes))),
    trex: withId(trex, 12, id),
  };
}

/** §8.3.2: after two times, of four or of eight bytes. */
const withTrackId = (tkhd: Box, id: number): Uint8Array => withId(tkhd, tkhd.bytes[8] === 1 ? 28 : 20, id);

function withId({ bytes }: Box, at: number, id: number): Uint8Array {
  const copy = bytes.slice();
  copy.set(uint32(id), at);
  return copy;
}
