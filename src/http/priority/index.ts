/** Extensible priorities (RFC 9218), without frames and schedulers. */

export {
  completePriority,
  DEFAULT_PRIORITY,
  emitPriority,
  LOWEST_URGENCY,
  mergePriority,
  type PartialPriority,
  type Priority,
  parsePriority,
  priorityOf,
  withoutDefaults,
} from "./field.ts";
export { Http2Boundary } from "./http2-boundary.ts";
export { type Http2FrameHeader, Http2FrameReader } from "./http2-frame-reader.ts";
export {
  emitPriorityUpdate,
  PRIORITY_UPDATE,
  PriorityUpdateReader,
  SETTINGS_NO_RFC7540_PRIORITIES,
} from "./http2-frames.ts";
export {
  HTTP2_ENHANCE_YOUR_CALM,
  HTTP2_FRAME_SIZE_ERROR,
  HTTP2_PROTOCOL_ERROR,
  Http2FrameError,
} from "./http2-wire.ts";
export { forwardedClient } from "./intermediary.ts";
export { ResponseOrder, type Turn } from "./order.ts";
