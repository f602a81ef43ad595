import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Instant, micros, millis } from "../base/time.ts";
import { type CongestionPacket, initialWindow, minimumWindow } from "./controller.ts";
import { NewReno } from "./new-reno.ts";

const RTT = { latest: millis(100), smoothed: millis(100), min: millis(100) };
const ms = (count: number): Instant => millis(count) as number as Instant;
const packet = (timeSent: Instant, size = 1200): CongestionPacket => ({ size, timeSent, inFlight: true });

/** Sends full datagrams until the window is full. */
function fill(reno: NewReno, now: Instant): CongestionPacket[] {
  const packets: CongestionPacket[] = [];
  while (reno.canSend()) {
    reno.onPacketSent(1200, now);
    packets.push(packet(now));
  }
  return packets;
}

describe("windows (RFC 9002 §7.2)", () => {
  test.each([
    [1200, 12_000],
    [1472, 14_720],
    [9000, 18_000],
  ])("initial window with datagrams of %d is %d", (size, expected) => {
    expect(initialWindow(size)).toBe(expected);
    expect(new NewReno(size).congestionWindow).toBe(expected);
  });

  test("minimum window is two datagrams", () => {
    expect(minimumWindow(1200)).toBe(2400);
  });

  test("a larger datagram size enlarges only an initial window", () => {
    const reno = new NewReno(1200);
    reno.setMaxDatagramSize(1452);
    expect(reno.congestionWindow).toBe(14_520);
    const sent = fill(reno, ms(0));
    reno.onPacketsAcked(sent, RTT, ms(100));
    const grown = reno.congestionWindow;
    reno.setMaxDatagramSize(1472);
    expect(reno.congestionWindow).toBe(grown);
  });
});

describe("slow start (RFC 9002 §7.3.1)", () => {
  test("doubles in a round trip", () => {
    const reno = new NewReno(1200);
    let now = 0;
    for (const expected of [24_000, 48_000, 96_000]) {
      const sent = fill(reno, ms(now));
      now += 100;
      reno.onPacketsAcked(sent, RTT, ms(now));
      expect(reno.congestionWindow).toBe(expected);
      expect(reno.bytesInFlight).toBe(0);
    }
  });

  test("grows equally when one batch handles all ACKs of a round trip", () => {
    const reno = new NewReno(1200);
    const sent = fill(reno, ms(0));
    for (let i = 0; i < sent.length; i += 2) reno.onPacketsAcked(sent.slice(i, i + 2), RTT, ms(100));
    expect(reno.congestionWindow).toBe(24_000);
  });

  test("does not grow while the application underuses the window (§7.8)", () => {
    const reno = new NewReno(1200);
    for (let now = 0; now < 1_000; now += 100) {
      for (let i = 0; i < 3; i += 1) reno.onPacketSent(1200, ms(now));
      reno.onPacketsAcked(new Array(3).fill(packet(ms(now))), RTT, ms(now + 100));
    }
    expect(reno.congestionWindow).toBe(12_000);
  });

  test("a window that is no longer full stops growing", () => {
    const reno = new NewReno(1200);
    reno.onPacketsAcked(fill(reno, ms(0)), RTT, ms(100));
    expect(reno.congestionWindow).toBe(24_000);
    for (let now = 100; now < 2_000; now += 100) {
      reno.onPacketSent(1200, ms(now));
      reno.onPacketsAcked([packet(ms(now))], RTT, ms(now + 100));
    }
    expect(reno.congestionWindow).toBeLessThanOrEqual(24_000 + 2 * 1200);
  });
});

describe("recovery and congestion avoidance (RFC 9002 §7.3.2, §7.3.3)", () => {
  test("a loss halves the window once for everything sent before it", () => {
    const reno = new NewReno(1200);
    const sent = fill(reno, ms(0));
    reno.onPacketsLost([sent[0]!], ms(0), false, ms(100));
    expect([reno.congestionWindow, reno.ssthresh]).toEqual([6_000, 6_000]);
    reno.onPacketsLost([sent[1]!, sent[2]!], ms(0), false, ms(110));
    expect(reno.congestionWindow).toBe(6_000);
    // Packets sent before recovery began do not grow the window.
    reno.onPacketsAcked(sent.slice(3), RTT, ms(120));
    expect([reno.congestionWindow, reno.bytesInFlight]).toEqual([6_000, 0]);
    // The loss of a packet sent later may reduce it again.
    reno.onPacketSent(1200, ms(130));
    reno.onPacketsLost([packet(ms(130))], ms(130), false, ms(300));
    expect(reno.congestionWindow).toBe(3_000);
  });

  test("then grows by one datagram per acknowledged window", () => {
    const reno = new NewReno(1200);
    const sent = fill(reno, ms(0));
    reno.onPacketsLost(sent, ms(0), false, ms(100));
    expect(reno.congestionWindow).toBe(6_000);
    for (let round = 1; round <= 5; round += 1) {
      const now = ms(round * 200);
      reno.onPacketsAcked(fill(reno, now), RTT, ms(round * 200 + 100));
    }
    // Five packets of 1200 bytes fill 6000 exactly; later windows are not a multiple of the packet size.
    expect(reno.congestionWindow).toBeGreaterThanOrEqual(6_000 + 4 * 1200);
    expect(reno.congestionWindow).toBeLessThanOrEqual(6_000 + 5 * 1200);
  });

  test("never falls below two datagrams", () => {
    const reno = new NewReno(1200);
    for (let now = 0; now < 2_000; now += 100) {
      reno.onPacketSent(1200, ms(now));
      reno.onPacketsLost([packet(ms(now))], ms(now), false, ms(now + 50));
    }
    expect(reno.congestionWindow).toBe(2_400);
  });

  test("a CE mark is a congestion event like a loss", () => {
    const reno = new NewReno(1200);
    fill(reno, ms(0));
    reno.onCongestionExperienced(ms(0), ms(100));
    reno.onCongestionExperienced(ms(50), ms(150));
    expect(reno.congestionWindow).toBe(6_000);
  });

  test("persistent congestion leaves the minimum window, in slow start", () => {
    const reno = new NewReno(1200);
    const sent = fill(reno, ms(0));
    reno.onPacketsLost(sent, ms(0), true, ms(5_000));
    expect([reno.congestionWindow, reno.ssthresh]).toEqual([2_400, 6_000]);
    reno.onPacketsAcked(fill(reno, ms(5_000)), RTT, ms(5_100));
    expect(reno.congestionWindow).toBe(4_800);
  });

  test("a spurious reduction is undone", () => {
    const reno = new NewReno(1200);
    reno.onPacketsAcked(fill(reno, ms(0)), RTT, ms(100));
    const sent = fill(reno, ms(100));
    reno.onPacketsLost([sent[0]!], ms(100), false, ms(200));
    expect(reno.congestionWindow).toBe(12_000);
    reno.onSpuriousCongestion(ms(210));
    expect([reno.congestionWindow, reno.ssthresh]).toEqual([24_000, Number.POSITIVE_INFINITY]);
    // And only once.
    reno.onPacketsLost([sent[1]!], ms(100), true, ms(220));
    reno.onSpuriousCongestion(ms(230));
    expect(reno.congestionWindow).toBe(2_400);
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
      const reno = new NewReno(1200);
      let outstanding: CongestionPacket[] = [];
      let now = 0;
      for (const { what, count, size, persistent } of steps) {
        now += 10_000;
        const at = micros(now) as number as Instant;
        if (what === "send") {
          for (let i = 0; i < count && reno.canSend(size); i += 1) {
            reno.onPacketSent(size, at);
            outstanding.push(packet(at, size));
          }
        } else if (what === "mark") {
          reno.onCongestionExperienced(at, at);
        } else {
          const gone = outstanding.slice(0, count);
          outstanding = outstanding.slice(count);
          if (what === "ack") reno.onPacketsAcked(gone, RTT, at);
          else if (what === "discard") reno.onPacketsDiscarded(gone.reduce((sum, p) => sum + p.size, 0));
          else if (gone.length > 0) reno.onPacketsLost(gone, gone.at(-1)!.timeSent, persistent, at);
        }
        expect(reno.bytesInFlight).toBe(outstanding.reduce((sum, p) => sum + p.size, 0));
        expect(reno.congestionWindow).toBeGreaterThanOrEqual(minimumWindow(1200));
      }
    }),
  );
});
