import { expect, test } from "vitest";
import { millis } from "../base/time.ts";
import { NewReno } from "./new-reno.ts";
import { fill, ms, rttOf } from "./testing/flow.ts";

const RTT = rttOf(millis(100));

test("in congestion avoidance the window grows by one datagram per acknowledged window (RFC 9002 §7.3.3)", () => {
  const reno = new NewReno(1200);
  const sent = fill(reno, ms(0));
  reno.onPacketsLost(sent, ms(0), false, ms(100));
  expect(reno.congestionWindow).toBe(6_000);
  for (let round = 1; round <= 5; round += 1) {
    reno.onPacketsAcked(fill(reno, ms(round * 200)), RTT, ms(round * 200 + 100));
  }
  // Five packets of 1200 bytes fill 6000 exactly; later windows are not a multiple of the packet size.
  expect(reno.congestionWindow).toBeGreaterThanOrEqual(6_000 + 4 * 1200);
  expect(reno.congestionWindow).toBeLessThanOrEqual(6_000 + 5 * 1200);
});
