/** Warp: draft-lcurley-warp-00 and -01. */

export { WarpError } from "./errors.ts";
export {
  emitWarpMessage,
  livePrecedence,
  parseWarpMessage,
  storedPrecedence,
  type WarpInit,
  type WarpMessage,
  type WarpSegment,
} from "./message.ts";
export { WarpSession, type WarpSessionEvent, type WarpSessionOptions } from "./session.ts";
export { type WarpEvent, type WarpFragment, type WarpReaderOptions, WarpStreamReader } from "./stream-reader.ts";
