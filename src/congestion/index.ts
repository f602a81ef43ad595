/**
 * Congestion control for QUIC and TCP. Experimental.
 *
 * @module nagare/congestion
 */

export { Bbr } from "./bbr/bbr.ts";
/** The controller interface; the initial and the minimum window. */
export {
  type CongestionController,
  type CongestionPacket,
  initialWindow,
  minimumWindow,
  type RttView,
} from "./controller.ts";
/** The controllers, also by name. */
export { CONGESTION_CONTROLS, type CongestionControl, createController } from "./controllers.ts";
export { Copa } from "./copa.ts";
export { Cubic } from "./cubic.ts";
/** Measures how fast the network delivers. */
export { DeliveryRate, type PacketDelivery, type RateSample } from "./delivery-rate.ts";
export { NewReno } from "./new-reno.ts";
/** Spreads a window over a round trip. */
export { Pacer, type PacerOptions } from "./pacer.ts";
/** Tracks whether the window was used. */
export { WindowUtilization } from "./utilization.ts";
