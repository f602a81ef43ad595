/** QUIC's transport error codes (RFC 9000 §20.1, RFC 9368 §10.2). */

import { defineErrors, ProtocolError } from "../base/errors.ts";

export const TRANSPORT_ERRORS = defineErrors({
  NO_ERROR: [0x0, "no error"],
  INTERNAL_ERROR: [0x1, "the implementation cannot continue"],
  CONNECTION_REFUSED: [0x2, "the server refused the connection"],
  FLOW_CONTROL_ERROR: [0x3, "more data received than was allowed"],
  STREAM_LIMIT_ERROR: [0x4, "more streams opened than were allowed"],
  STREAM_STATE_ERROR: [0x5, "the stream's state does not allow the frame"],
  FINAL_SIZE_ERROR: [0x6, "the final size of a stream changed or was exceeded"],
  FRAME_ENCODING_ERROR: [0x7, "a frame is malformed"],
  TRANSPORT_PARAMETER_ERROR: [0x8, "a transport parameter is malformed, missing or forbidden"],
  CONNECTION_ID_LIMIT_ERROR: [0x9, "more connection ids than were allowed"],
  PROTOCOL_VIOLATION: [0xa, "a protocol rule was violated"],
  INVALID_TOKEN: [0xb, "the token of an Initial packet is invalid"],
  APPLICATION_ERROR: [0xc, "the application closed the connection during the handshake"],
  CRYPTO_BUFFER_EXCEEDED: [0xd, "more CRYPTO data than can be buffered"],
  KEY_UPDATE_ERROR: [0xe, "a key update violated the rules"],
  AEAD_LIMIT_REACHED: [0xf, "a key reached its usage limit"],
  NO_VIABLE_PATH: [0x10, "no path can carry the connection"],
  VERSION_NEGOTIATION_ERROR: [0x11, "the negotiated version is not the one that both sides would have chosen"],
});

export type TransportErrorName = keyof typeof TRANSPORT_ERRORS;

export function transportError(name: TransportErrorName, where: string, detail?: string): ProtocolError {
  return new ProtocolError("transport", TRANSPORT_ERRORS[name], where, detail);
}
