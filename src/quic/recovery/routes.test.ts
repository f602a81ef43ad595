/** RFC 9000 §9.4: packets sent on one route say nothing about another. */

import { describe, expect, test } from "vitest";
import { SeededRng } from "../../base/rng.ts";
import { type Instant, millis } from "../../base/time.ts";
import { PacketNumberSpace } from "../packet/number-space.ts";
import { Route } from "../route/index.ts";
import { Harness } from "./testing/harness.ts";

const { application } = PacketNumberSpace;
const ms = (count: number): Instant => millis(count) as number as Instant;
const OTHER = { family: 4, host: "198.51.100.7", port: 443 } as const;

/**
 * A server with a confirmed handshake that has just moved to a second route, with ten packets outstanding on its first.
 */
function migrated() {
  const h = new Harness("server");
  h.handshake.isConfirmed = true;
  const before = h.route;
  for (let i = 0; i < 10; i += 1) h.send(application, ms(0));
  const route = new Route({ local: undefined, remote: OTHER, validated: true, rng: new SeededRng(1) });
  h.routes.add(route);
  h.routes.activate(route);
  return { h, before, after: route };
}

describe("packets sent before a change of route", () => {
  test("neither grow the new window nor give RTT samples when acknowledged", () => {
    const { h, before, after } = migrated();
    const window = before.controller.congestionWindow;
    const { acked } = h.ack(application, [0, 9], ms(40));
    expect(acked).toHaveLength(10);
    expect([after.controller.congestionWindow, after.rtt.hasSample, after.rtt.smoothed]).toEqual([
      12_000,
      false,
      millis(333),
    ]);
    // The ACK returned on the new route, so it does not measure the old one either.
    expect(before.rtt.hasSample).toBe(false);
    expect(before.controller.congestionWindow).toBeGreaterThan(window);
    expect(before.controller.bytesInFlight).toBe(0);
  });

  test("do not reduce the new window when lost", () => {
    const { h, before, after } = migrated();
    h.send(application, ms(50));
    const { lost } = h.ack(application, [10, 10], ms(90));
    expect(lost).toHaveLength(8);
    expect(lost.every(({ route }) => route === before)).toBe(true);
    expect([after.controller.congestionWindow, after.controller.ssthresh]).toEqual([12_000, Number.POSITIVE_INFINITY]);
    expect(before.controller.congestionWindow).toBe(6_000);
    expect(after.rtt.smoothed).toBe(millis(40));
  });

  test("do not reduce a window that continues, when lost, but leave it", () => {
    const { h, before, after } = migrated();
    // Only the port has changed.
    after.continueFrom(before);
    h.send(application, ms(50));
    expect(before.controller.bytesInFlight).toBe(13_200);
    const { lost } = h.ack(application, [10, 10], ms(90));
    expect(lost).toHaveLength(10);
    expect([after.controller.ssthresh, after.controller.congestionWindow >= 12_000]).toEqual([
      Number.POSITIVE_INFINITY,
      true,
    ]);
    expect(after.controller.bytesInFlight).toBe(0);
    // The loss of a packet on the new route counts.
    for (let i = 0; i < 5; i += 1) h.send(application, ms(100));
    h.ack(application, [15, 15], ms(140));
    expect(after.controller.ssthresh).toBeLessThan(13_200);
  });

  test("do not fill the new window", () => {
    const { h, before, after } = migrated();
    expect([before.controller.bytesInFlight, after.controller.bytesInFlight]).toEqual([12_000, 0]);
    expect(after.controller.canSend()).toBe(true);
    expect(before.controller.canSend()).toBe(false);
    h.send(application, ms(1), { size: 1_000 });
    expect(after.controller.bytesInFlight).toBe(1_000);
  });

  test("do not count towards persistent congestion with those of another route", () => {
    const h = new Harness("server");
    h.handshake.isConfirmed = true;
    const first = h.route;
    const second = new Route({ local: undefined, remote: OTHER, validated: true, rng: new SeededRng(1) });
    h.routes.add(second);
    // Both routes have an RTT sample of 10 ms.
    h.send(application, ms(0));
    h.ack(application, [0, 0], ms(10));
    h.routes.activate(second);
    h.send(application, ms(20));
    h.ack(application, [1, 1], ms(30));
    // Five seconds between two consecutive losses, but each is the only loss on its route.
    h.routes.activate(first);
    h.send(application, ms(40));
    h.routes.activate(second);
    h.send(application, ms(5_000));
    for (let i = 0; i < 3; i += 1) h.send(application, ms(5_001));
    expect(h.ack(application, [6, 6], ms(5_010)).lost.map((p) => p.packetNumber)).toEqual([2, 3]);
    expect(h.events.some(({ type }) => type === "quic:persistent-congestion")).toBe(false);
  });
});
