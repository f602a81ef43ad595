/** Frames, the contents of a packet's payload. */

/** Writes each frame, and computes the overhead of a STREAM frame. */
export {
  emitAck,
  emitAckFrequency,
  emitConnectionClose,
  emitCrypto,
  emitDataBlocked,
  emitDatagram,
  emitFrame,
  emitHandshakeDone,
  emitImmediateAck,
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
export type {
  AckFrame,
  AckFrequencyFrame,
  CryptoFrame,
  DatagramFrame,
  EcnCounts,
  Frame,
  FrameType,
  StreamFrame,
} from "./frames.ts";
/** Parses a single frame or a whole payload. */
export { framesOf, parseFrame } from "./parse.ts";
/** Table 3 of RFC 9000, and what is derived from it. */
export { FRAMES, type FrameRow, frameNumber, frameRow, isAckEliciting, isLegalAt } from "./table.ts";
