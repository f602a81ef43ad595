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
export { forwardedClient } from "./intermediary.ts";
export { ResponseOrder, type Turn } from "./order.ts";
