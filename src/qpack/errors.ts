/** QPACK errors (RFC 9204 §6). All of them end the connection. */

import { defineErrors, ProtocolError } from "../base/errors.ts";

export const QPACK_ERRORS = defineErrors({
  QPACK_DECOMPRESSION_FAILED: [0x200, "an encoded field section could not be decoded"],
  QPACK_ENCODER_STREAM_ERROR: [0x201, "an instruction on the encoder stream is invalid"],
  QPACK_DECODER_STREAM_ERROR: [0x202, "an instruction on the decoder stream is invalid"],
});

export const decompressionFailed = (detail: string): ProtocolError =>
  new ProtocolError("http", QPACK_ERRORS.QPACK_DECOMPRESSION_FAILED, "field section", detail);

export const encoderStreamError = (detail: string): ProtocolError =>
  new ProtocolError("http", QPACK_ERRORS.QPACK_ENCODER_STREAM_ERROR, "encoder stream", detail);

export const decoderStreamError = (detail: string): ProtocolError =>
  new ProtocolError("http", QPACK_ERRORS.QPACK_DECODER_STREAM_ERROR, "decoder stream", detail);
