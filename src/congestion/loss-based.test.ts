import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Instant, micros, millis } from "../base/time.ts";
import { type CongestionPacket, initialWindow, minimumWindow } from "./controller.ts";
import { Cubic } from "./cubic.ts";
import { NewReno } from "./new-reno.ts";
import { fill, ms, packet, rttOf } from "./testing/flow.ts";

const RTT = rttOf(millis(100));

const CONTROLLERS = [
  { name: "NewReno", create: (size = 1200) => new NewReno(size), factor: 0.5 },
  { name: "CUBIC", create: (size = 1200) => new Cubic(size), factor: 0.7 },
] as const;

describe.each(CONTROLLERS)("$name", ({ create, factor }) => {
  describe("windows (RFC 9002 §7.2)", () => {
    test.each([
      [1200, 12_000],
      [1472, 14_720],
      [9000, 18_000],
    ])("initial window with datagrams of %d is %d", (size, expected) => {
      expect(initialWindow(size)).toBe(expected);
      expect(create(size).congestionWindow).toBe(expected);
    });

    test("minimum window is two datagrams", () => {
      expect(minimumWindow(1200)).toBe(2400);
    });

    test("a larger datagram size enlarges only an initial window", () => {
      const controller = create();
      controller.setMaxDatagramSize(1452);
      expect(controller.congestionWindow).toBe(14_520);
      const sent = fill(controller, ms(0));
      controller.onPacketsAcked(sent, RTT, ms(100));
      const grown = controller.congestionWindow;
      controller.setMaxDatagramSize(1472);
      expect(controller.congestionWindow).toBe(grown);
    });
  });

  describe("slow start (RFC 9002 §7.3.1)", () => {
    test("doubles in a round trip", () => {
      const controller = create();
      let now = 0;
      for (const expected of [24_000, 48_000, 96_000]) {
        const sent = fill(controller, ms(now));
        now += 100;
        controller.onPacketsAcked(sent, RTT, ms(now));
        expect(controller.congestionWindow).toBe(expected);
        expect(controller.bytesInFlight).toBe(0);
      }
    });

    test("grows equally when one batch handles all ACKs of a round trip", () => {
      const controller = create();
      const sent = fill(controller, ms(0));
      for (let i = 0; i < sent.length; i += 2) controller.onPacketsAcked(sent.slice(i, i + 2), RTT, ms(100));
      expect(controller.congestionWindow).toBe(24_000);
    });

    test("does not grow while the application underuses the window (§7.8)", () => {
      const controller = create();
      for (let now = 0; now < 1_000; now += 100) {
        for (let i = 0; i < 3; i += 1) controller.onPacketSent(1200, ms(now));
        controller.onPacketsAcked(new Array(3).fill(packet(ms(now))), RTT, ms(now + 100));
      }
      expect(controller.congestionWindow).toBe(12_000);
    });

    test("a window that is no longer full stops growing", () => {
      const controller = create();
      controller.onPacketsAcked(fill(controller, ms(0)), RTT, ms(100));
      expect(controller.congestionWindow).toBe(24_000);
      for (let now = 100; now < 2_000; now += 100) {
        controller.onPacketSent(1200, ms(now));
        controller.onPacketsAcked([packet(ms(now))], RTT, ms(now + 100));
      }
      expect(controller.congestionWindow).toBeLessThanOrEqual(24_000 + 2 * 1200);
    });
  });

  describe("recovery (RFC 9002 §7.3.2)", () => {
    test("a loss halves the window once for everything sent before it", () => {
      const controller = create();
      const sent = fill(controller, ms(0));
      controller.onPacketsLost([sent[0]!], ms(0), false, ms(100));
      const reduced = 12_000 * factor;
      expect([controller.congestionWindow, controller.ssthresh]).toEqual([reduced, reduced]);
      controller.onPacketsLost([sent[1]!, sent[2]!], ms(0), false, ms(110));
      expect(controller.congestionWindow).toBe(reduced);
      // Packets sent before recovery began do not grow the window.
      controller.onPacketsAcked(sent.slice(3), RTT, ms(120));
      expect([controller.congestionWindow, controller.bytesInFlight]).toEqual([reduced, 0]);
      // The loss of a packet sent later may reduce it again.
      controller.onPacketSent(1200, ms(130));
      controller.onPacketsLost([packet(ms(130))], ms(130), false, ms(300));
      expect(controller.congestionWindow).toBe(reduced * factor);
    });

    test("never falls below two datagrams", () => {
      const controller = create();
      for (let now = 0; now < 2_000; now += 100) {
        controller.onPacketSent(1200, ms(now));
        controller.onPacketsLost([packet(ms(now))], ms(now), false, ms(now + 50));
      }
      expect(controller.congestionWindow).toBe(2_400);
    });

    test("a CE mark is a congestion event like a loss", () => {
      const controller = create();
      fill(controller, ms(0));
      controller.onCongestionExperienced(ms(0), ms(100));
      controller.onCongestionExperienced(ms(50), ms(150));
      expect(controller.congestionWindow).toBe(12_000 * factor);
    });

    test("persistent congestion leaves the minimum window, in slow start", () => {
      const controller = create();
      const sent = fill(controller, ms(0));
      controller.onPacketsLost(sent, ms(0), true, ms(5_000));
      expect([controller.congestionWindow, controller.ssthresh]).toEqual([2_400, 12_000 * factor]);
      controller.onPacketsAcked(fill(controller, ms(5_000)), RTT, ms(5_100));
      expect(controller.congestionWindow).toBe(4_800);
    });

    test("a spurious reduction is undone", () => {
      const controller = create();
      controller.onPacketsAcked(fill(controller, ms(0)), RTT, ms(100));
      const sent = fill(controller, ms(100));
      controller.onPacketsLost([sent[0]!], ms(100), false, ms(200));
      expect(controller.congestionWindow).toBe(24_000 * factor);
      controller.onSpuriousCongestion(ms(210));
      expect([controller.congestionWindow, controller.ssthresh]).toEqual([24_000, Number.POSITIVE_INFINITY]);
      // And only once.
      controller.onPacketsLost([sent[1]!], ms(100), true, ms(220));
      controller.onSpuriousCongestion(ms(230));
      expect(controller.congestionWindow).toBe(2_400);
    });
  });

  test("bytes in flight always match the packets sent and still outstanding", () => {
    const step = fc.record({
      what: fc.constantFrom("send", "ack", "lose", "discard", "mark"),
      count: fc.integer({ min: 1, max: 20 }),
      size: fc.integer({ min: 40, max: 1452 }),
      persistent: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const controller = create();
        let outstanding: CongestionPacket[] = [];
        let now = 0;
        for (const { what, count, size, persistent } of steps) {
          now += 10_000;
          const at = micros(now) as number as Instant;
          if (what === "send") {
            for (let i = 0; i < count && controller.canSend(size); i += 1) {
              controller.onPacketSent(size, at);
              outstanding.push(packet(at, size));
            }
          } else if (what === "mark") {
            controller.onCongestionExperienced(at, at);
          } else {
            const gone = outstanding.slice(0, count);
            outstanding = outstanding.slice(count);
            if (what === "ack") controller.onPacketsAcked(gone, RTT, at);
            else if (what === "discard") controller.onPacketsDiscarded(gone.reduce((sum, p) => sum + p.size, 0));
            else if (gone.length > 0) controller.onPacketsLost(gone, gone.at(-1)!.timeSent, persistent, at);
          }
          expect(controller.bytesInFlight).toBe(outstanding.reduce((sum, p) => sum + p.size, 0));
          expect(controller.congestionWindow).toBeGreaterThanOrEqual(minimumWindow(1200));
        }
      }),
    );
  });
});
