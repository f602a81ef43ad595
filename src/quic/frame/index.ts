/** Frames, the contents of a packet's payload. */

/** Writes each frame, and computes the overhead of a STREAM frame. */
export {
  emitAck,
  emitAckFields,
  emitAckFrequency,
  emitConnectionClose,
  emitCrypto,
  emitDataBlocked,
  emitDatagram,
  emitFrame,
  emitHandshakeDone,
  emitIdFields,
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
  NewConnectionIdFrame,
  StreamFrame,
} from "./frames.ts";
/** Parses a single frame or a whole payload. */
export { framesOf, longType, parseAckFields, parseFrame, parseIdFields } from "./parse.ts";
/** Table 3 of RFC 9000, and what is derived from it. */
export { FRAMES, type FrameRow, frameNumber, frameRow, isAckEliciting, isLegalAt } from "./table.ts";
