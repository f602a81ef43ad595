/** Frames: what the payload of a packet is made of. */

/** Writing each frame, and what a STREAM frame takes beside its data. */
export {
  emitAck,
  emitConnectionClose,
  emitCrypto,
  emitDataBlocked,
  emitFrame,
  emitHandshakeDone,
  emitMaxData,
  emitMaxStreamData,
  emitMaxStreams,
  emitNewConnectionId,
  emitNewToken,
  emitPadding,
  emitPathChallenge,
  emitPathResponse,
  emitPing,
  emitResetStream,
  emitRetireConnectionId,
  emitStopSending,
  emitStream,
  emitStreamDataBlocked,
  emitStreamsBlocked,
  streamFrameOverhead,
} from "./emit.ts";
/** Frames as values. */
export type { AckFrame, CryptoFrame, EcnCounts, Frame, FrameType, StreamFrame } from "./frames.ts";
/** Reading a frame, or all of a payload. */
export { framesOf, parseFrame } from "./parse.ts";
/** Table 3 of RFC 9000, and what follows from it. */
export { FRAMES, type FrameRow, frameNumber, frameRow, isAckEliciting, isLegalAt } from "./table.ts";
