/** WebTransport as machines without I/O. */

export {
  type CloseInfo,
  closeValue,
  MAX_CLOSE_LENGTH,
  MAX_REASON,
  PLAIN_CLOSE,
  parseClose,
  sendableInfo,
  WebTransportCapsule,
} from "./close-info.ts";
export { fromHttpCode, MAX_APPLICATION_CODE, toHttpCode, WT_ERRORS } from "./error-codes.ts";
export { type Carrier, Session, type SessionCounts, type SessionEvent, type StreamOrder } from "./session.ts";
