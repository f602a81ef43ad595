/** The MoQ base draft: draft-lcurley-warp-02. */

export {
  BASE_MESSAGES,
  emitBaseMessage,
  emitGoawayUrl,
  emitOpenMessage,
  emitStreamHeaders,
  MAX_DEPENDS,
  MAX_GOAWAY_URL,
  MAX_HEADERS,
  parseGoawayUrl,
  parseStreamHeaders,
  type StreamHeaders,
} from "./codec.ts";
export { BaseDraftError, MALFORMED_STREAM } from "./errors.ts";
export { BASE_CLOSE_CODES, BaseSession, type BaseSessionEvent, type BaseSessionOptions, liveOrder } from "./session.ts";
export { type BaseStreamEvent, BaseStreamReader } from "./stream-reader.ts";
