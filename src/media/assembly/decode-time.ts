/** Changes of fragments in place: their decode time and their track's number. */

import { type Box, boxesIn, childrenOf, findBox } from "../bmff/index.ts";

/** After the header of a full box, and its version and flags. */
const FIELDS = 12;

/** The fields of boxes in copied bytes. */
const viewOf = (box: Box): DataView => new DataView(box.bytes.buffer, box.bytes.byteOffset, box.bytes.length);

/** A copy of a fragment whose samples are decoded `units` later; undefined if it cannot say such a time. */
export function shifted(bytes: Uint8Array, units: number): Uint8Array | undefined {
  const copy = bytes.slice();
  for (const moof of boxesIn(copy)) {
    if (moof.type !== "moof") continue;
    for (const traf of childrenOf(moof)) {
      const tfdt = traf.type === "traf" ? findBox(childrenOf(traf), "tfdt") : undefined;
      if (tfdt !== undefined && !shiftTime(viewOf(tfdt), units)) return undefined;
    }
  }
  return copy;
}

function shiftTime(view: DataView, units: number): boolean {
  const isLong = view.getUint8(8) === 1;
  const before = isLong ? view.getUint32(FIELDS) * 2 ** 32 + view.getUint32(FIELDS + 4) : view.getUint32(FIELDS);
  const time = before + units;
  if (time < 0 || time > (isLong ? Number.MAX_SAFE_INTEGER : 2 ** 32 - 1)) return false;
  if (isLong) view.setUint32(FIELDS, Math.floor(time / 2 ** 32));
  view.setUint32(isLong ? FIELDS + 4 : FIELDS, time % 2 ** 32);
  return true;
}

/** A copy of a fragment of one track, with another number for it. */
export function renumbered(bytes: Uint8Array, trackId: number): Uint8Array {
  const copy = bytes.slice();
  for (const box of boxesIn(copy)) {
    if (box.type === "prft") viewOf(box).setUint32(FIELDS, trackId);
    if (box.type !== "moof") continue;
    for (const traf of childrenOf(box)) {
      const tfhd = traf.type === "traf" ? findBox(childrenOf(traf), "tfhd") : undefined;
      if (tfhd !== undefined) viewOf(tfhd).setUint32(FIELDS, trackId);
    }
  }
  return copy;
}
