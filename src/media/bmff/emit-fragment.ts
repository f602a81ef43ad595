/** Writes fragments of one track, as CMAF chunks: `moof` with offsets from its own beginning, and `mdat`. */

import { concat } from "../../wire/text.ts";
import { BOX_HEADER } from "./box.ts";
import { emitBox, emitFullBox, setUint32, uint32, uint64 } from "./emit.ts";
import type { Sample } from "./fragment.ts";

/** What a fragment holds. */
export interface FragmentContent {
  readonly sequence: number;
  readonly trackId: number;
  /** In the track's units. */
  readonly baseDecodeTime: number;
  readonly samples: readonly Pick<Sample, "size" | "duration" | "compositionOffset" | "flags">[];
  /** The samples' bytes, one after another. */
  readonly payload: readonly Uint8Array[];
}

const DEFAULT_BASE_IS_MOOF = 0x2_0000;
/** Data offset; duration, size, flags and composition offset for each sample. */
const RUN_FLAGS = 0xf01;

/** `moof` and `mdat`. */
export function emitFragment({ sequence, trackId, baseDecodeTime, samples, payload }: FragmentContent): Uint8Array {
  const fields = new Uint8Array(samples.length * 16);
  samples.forEach(({ duration, size, flags, compositionOffset }, index) => {
    setUint32(fields, index * 16, duration);
    setUint32(fields, index * 16 + 4, size);
    setUint32(fields, index * 16 + 8, flags);
    setUint32(fields, index * 16 + 12, compositionOffset);
  });
  const run = emitFullBox("trun", 1, RUN_FLAGS, uint32(samples.length, 0), fields);
  const header = emitFullBox("tfhd", 0, DEFAULT_BASE_IS_MOOF, uint32(trackId));
  const time = emitFullBox("tfdt", 1, 0, uint64(baseDecodeTime));
  const moof = emitBox("moof", emitFullBox("mfhd", 0, 0, uint32(sequence)), emitBox("traf", header, time, run));
  // The run is last: its data offset stands 16 bytes after its beginning.
  setUint32(moof, moof.length - run.length + 16, moof.length + BOX_HEADER);
  return concat(moof, emitBox("mdat", ...payload));
}
