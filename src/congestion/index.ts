/** Congestion control for QUIC and TCP. */

/** What a controller is told and what it answers; the initial and the minimum window. */
export {
  type CongestionController,
  type CongestionPacket,
  initialWindow,
  minimumWindow,
  type RttView,
} from "./controller.ts";
/** RFC 9002's own controller. */
export { NewReno } from "./new-reno.ts";
/** Spreads a window over a round trip. */
export { Pacer, type PacerOptions } from "./pacer.ts";
/** Was the window used? */
export { WindowUtilization } from "./utilization.ts";
