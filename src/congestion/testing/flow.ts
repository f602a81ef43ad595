/** A sender for tests of controllers. */

import { type Instant, type Micros, millis } from "../../base/time.ts";
import type { CongestionController, CongestionPacket, RttView } from "../controller.ts";

export const ms = (count: number): Instant => millis(count) as number as Instant;

export const rttOf = (rtt: Micros): RttView => ({ latest: rtt, smoothed: rtt, min: rtt });

export const packet = (timeSent: Instant, size = 1200): CongestionPacket => ({
  size,
  timeSent,
  inFlight: true,
  delivery: undefined,
});

/** Sends full datagrams until the window is full. */
export function fill(controller: CongestionController, now: Instant): CongestionPacket[] {
  const packets: CongestionPacket[] = [];
  while (controller.canSend(1200)) {
    const delivery = controller.onPacketSent(1200, now);
    packets.push({ ...packet(now), delivery });
  }
  return packets;
}
