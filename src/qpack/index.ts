/**
 * QPACK: field compression for HTTP/3 (RFC 9204). Experimental.
 *
 * @module nagare/qpack
 */

/** Stream bytes that wait for the rest of an instruction or frame. */
export { ByteQueue } from "./byte-queue.ts";
/** The decoder: encoded sections to fields. */
export { type DecodeResult, type DecoderOptions, QpackDecoder, type UnblockedSection } from "./decoder.ts";
/** The encoder: fields to encoded sections. */
export {
  type EncoderLimits,
  type EncoderOptions,
  maxEncodedLength,
  QpackEncoder,
  SECTION_PREFIX_ROOM,
} from "./encoder.ts";
/** The error table. */
export { QPACK_ERRORS } from "./errors.ts";
