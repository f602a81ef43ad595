/** Multipath QUIC: its frames in both sets of code points. */

/** Writes a frame. */
export { emitMultipathFrame } from "./emit.ts";
/** Frames as values. */
export type { MultipathFrame, MultipathFrameType } from "./frames.ts";
/** Parses a frame. */
export { parseMultipathFrame } from "./parse.ts";
/** Numbers of frames and reasons, in both sets of code points. */
export {
  ABANDON_CODES,
  type CodePoints,
  MAX_PATH_ID,
  MULTIPATH_FRAMES,
  type MultipathFrameRow,
  multipathRow,
} from "./table.ts";
