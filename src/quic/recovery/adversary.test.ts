/** Peers that lie, and random sequences of events. */

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { runs } from "../../../test/properties/runs.ts";
import { ProtocolError } from "../../base/errors.ts";
import { RangeSet } from "../../base/range-set.ts";
import { SeededRng } from "../../base/rng.ts";
import { type Instant, micros, millis } from "../../base/time.ts";
import { PacketNumberSpace } from "../packet/number-space.ts";
import type { SentPacket } from "./sent-packet.ts";
import { Harness } from "./testing/harness.ts";

const { application, handshake } = PacketNumberSpace;
const ms = (count: number): Instant => millis(count) as number as Instant;

/** A set of packet numbers as the ranges of an ACK frame. */
function wireRanges(set: RangeSet): number[] {
  return [...set].reverse().flatMap(([start, end]) => [start, end - 1]);
}

describe("skipped packet numbers (RFC 9000 §21.4)", () => {
  test("the next number stays the same until it is used", () => {
    const h = new Harness("client", { rng: new SeededRng(1) });
    for (let i = 0; i < 500; i += 1) {
      const next = h.recovery.nextPacketNumber(application);
      expect(h.recovery.nextPacketNumber(application)).toBe(next);
      h.send(application, ms(i));
      expect(h.recovery.nextPacketNumber(application)).toBeGreaterThan(next);
    }
    // Some were skipped, but few.
    expect(h.recovery.nextPacketNumber(application)).toBeGreaterThan(500);
    expect(h.recovery.nextPacketNumber(application)).toBeLessThan(520);
  });

  test("using a number other than the next one is an error of the caller", () => {
    const h = new Harness("client");
    expect(() => h.send(application, ms(0), { packetNumber: 1 })).toThrow(TypeError);
  });

  test("a peer that acknowledges packets blindly is caught within two windows", () => {
    for (let seed = 0; seed < 50; seed += 1) {
      const h = new Harness("server", { rng: new SeededRng(seed) });
      h.handshake.isConfirmed = true;
      const cheat = (): number => {
        for (let now = 0; now < 10_000; now += 10) {
          while (h.route.controller.canSend()) h.send(application, ms(now));
          const largest = h.recovery.nextPacketNumber(application) - 1;
          try {
            h.ack(application, [0, largest], ms(now + 1));
          } catch (error) {
            expect(error).toBeInstanceOf(ProtocolError);
            expect((error as ProtocolError).code).toBe(0xa);
            return largest;
          }
        }
        return Number.POSITIVE_INFINITY;
      };
      expect(cheat()).toBeLessThanOrEqual((2 * h.route.controller.congestionWindow) / 1200);
    }
  });

  test("an honest peer is never rejected, and the gaps cause no losses", () => {
    for (let seed = 0; seed < 20; seed += 1) {
      const h = new Harness("server", { rng: new SeededRng(seed) });
      h.handshake.isConfirmed = true;
      const received = new RangeSet();
      for (let now = 0; now < 2_000; now += 20) {
        for (let i = 0; i < 10; i += 1) {
          const { packetNumber } = h.send(application, ms(now));
          received.add(packetNumber, packetNumber + 1);
        }
        expect(h.ack(application, wireRanges(received), ms(now + 10)).lost).toEqual([]);
      }
      expect(received.size).toBeGreaterThan(5);
      expect(h.route.controller.bytesInFlight).toBe(0);
      const changes = new Set(["quic:recovery-metrics-updated", "quic:packets-acked"]);
      expect(h.events.filter(({ type }) => !changes.has(type))).toEqual([]);
    }
  });

  test("a gap does not interrupt persistent congestion", () => {
    let shown = 0;
    for (let seed = 0; seed < 50; seed += 1) {
      const h = new Harness("client", { rng: new SeededRng(seed) });
      h.handshake.isConfirmed = true;
      h.send(application, ms(0));
      h.ack(application, [0, 0], ms(100));
      // 1.2 s of packets; the parts before and after the gap are each shorter than 825 ms.
      let gaps = 0;
      let inTheMiddle = false;
      for (let i = 0; i < 120; i += 1) {
        const { packetNumber } = h.send(application, ms(200 + i * 10), { size: 50 });
        if (h.recovery.nextPacketNumber(application) === packetNumber + 1) continue;
        gaps += 1;
        inTheMiddle = i > 40 && i < 80;
      }
      if (gaps !== 1 || !inTheMiddle) continue;
      const last = h.send(application, ms(5_000)).packetNumber;
      h.ack(application, [last, last], ms(5_100));
      expect(h.events.map((event) => event.type)).toContain("quic:persistent-congestion");
      shown += 1;
    }
    expect(shown).toBeGreaterThan(0);
  });
});

test("a peer that never acknowledges cannot make our state grow without bound", () => {
  const h = new Harness("server");
  h.send(application, ms(0));
  for (let i = 0; i < 200_000; i += 1) h.send(application, ms(1), { ackEliciting: false, inFlight: false, size: 40 });
  const outcome = h.ack(application, [0, 200_000], ms(100));
  expect(outcome.acked.length).toBeLessThan(300);
  expect(h.route.controller.bytesInFlight).toBe(0);
});

test("a hostile ACK of a thousand ranges has no further effect when repeated a thousand times", () => {
  const h = new Harness("server");
  for (let i = 0; i < 5_000; i += 1) h.send(application, ms(0), { size: 10 });
  const ranges: number[] = [];
  for (let n = 4_998; n > 2_998; n -= 2) ranges.push(n, n);
  const first = h.ack(application, ranges, ms(100));
  expect(first.acked).toHaveLength(1_000);
  // All others are lost, except those just before the largest.
  expect(first.lost.length).toBe(4_999 - 1_000 - 1);
  for (let i = 1; i < 1_000; i += 1) expect(h.ack(application, ranges, ms(100 + i)).newlyAcked).toBe(false);
});

test("bytes in flight are always the sum of outstanding packets, whatever happens to them", () => {
  const step = fc.record({
    what: fc.constantFrom("send", "send", "ack", "timeout", "discard"),
    level: fc.constantFrom(PacketNumberSpace.initial, PacketNumberSpace.handshake, PacketNumberSpace.application),
    count: fc.integer({ min: 1, max: 12 }),
    picks: fc.array(fc.nat(40), { minLength: 1, maxLength: 6 }),
    wait: fc.integer({ min: 0, max: 300 }),
    ackEliciting: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80 }), fc.nat(), (steps, seed) => {
      const h = new Harness("client", { rng: new SeededRng(seed) });
      h.handshake.isConfirmed = true;
      const out = [0, 1, 2].map(() => new Map<number, SentPacket>());
      const sentEver = [0, 1, 2].map(() => [] as number[]);
      const discarded = new Set<PacketNumberSpace>();
      let now = 0;
      const settle = (packets: readonly SentPacket[], level: PacketNumberSpace) => {
        for (const p of packets) expect(out[level]!.delete(p.packetNumber)).toBe(true);
      };
      for (const { what, level, count, picks, wait, ackEliciting } of steps) {
        now += wait;
        if (discarded.has(level)) continue;
        if (what === "send") {
          for (let i = 0; i < count; i += 1) {
            const p = h.send(level, ms(now), { ackEliciting, inFlight: ackEliciting, size: 100 + i });
            out[level]!.set(p.packetNumber, p);
            sentEver[level]!.push(p.packetNumber);
          }
        } else if (what === "ack" && sentEver[level]!.length > 0) {
          const acked = new RangeSet();
          for (const pick of picks) {
            const n = sentEver[level]![sentEver[level]!.length - 1 - (pick % sentEver[level]!.length)]!;
            acked.add(n, n + 1);
          }
          const outcome = h.ack(level, wireRanges(acked), ms(now));
          for (const p of outcome.acked) expect(acked.has(p.packetNumber)).toBe(true);
          for (const p of outcome.lost) expect(p.packetNumber).toBeLessThan(h.recovery.largestAcked(level));
          settle(outcome.acked, level);
          settle(outcome.lost, level);
        } else if (what === "timeout") {
          const at = h.recovery.nextTimeout();
          if (at === undefined) continue;
          now = Math.max(now, Math.ceil(at / 1000));
          const before = h.recovery.ptoCount;
          const outcome = h.recovery.onTimeout(ms(now));
          // An expired deadline always has an effect: losses, probes, or a later deadline if the RTT has grown since.
          const isLater = (h.recovery.nextTimeout() ?? Number.POSITIVE_INFINITY) > ms(now);
          expect(outcome.lost.length > 0 || outcome.probe !== undefined || isLater).toBe(true);
          if (outcome.probe !== undefined) expect(h.recovery.ptoCount).toBe(before + 1);
          for (const p of outcome.lost) {
            const owner = out.findIndex((packets) => packets.get(p.packetNumber) === p);
            expect(out[owner]!.delete(p.packetNumber)).toBe(true);
          }
        } else if (what === "discard" && level !== PacketNumberSpace.application) {
          h.recovery.discardSpace(level);
          discarded.add(level);
          out[level]!.clear();
          sentEver[level]!.length = 0;
        }
        const flying = out.flatMap((packets) => [...packets.values()]).filter((p) => p.inFlight);
        expect(h.route.controller.bytesInFlight).toBe(flying.reduce((sum, p) => sum + p.size, 0));
        for (const l of [0, 1, 2] as const) {
          expect(h.recovery.hasInFlight(l)).toBe([...out[l]!.values()].some((p) => p.ackEliciting));
        }
      }
    }),
    {
      numRuns: runs(300),
      examples: [
        // Seed -1284791747, shrunk: a longer RTT is measured between two loss times.
        [
          [
            { what: "send", level: application, count: 2, picks: [0], wait: 0, ackEliciting: true },
            { what: "send", level: handshake, count: 2, picks: [0], wait: 1, ackEliciting: false },
            { what: "ack", level: handshake, count: 1, picks: [0], wait: 102, ackEliciting: false },
            { what: "ack", level: application, count: 1, picks: [0], wait: 231, ackEliciting: false },
            { what: "timeout", level: application, count: 1, picks: [0], wait: 0, ackEliciting: false },
          ],
          0,
        ],
      ],
    },
  );
});

test("an ACK that arrives again changes nothing", () => {
  const h = new Harness("client");
  for (let i = 0; i < 6; i += 1) h.send(application, ms(0));
  h.ack(application, [0, 5], ms(100));
  const snapshot = () => [h.route.controller.congestionWindow, h.route.rtt.smoothed, h.recovery.nextTimeout()];
  const before = snapshot();
  expect(h.ack(application, [0, 5], ms(500), micros(0))).toEqual({ acked: [], late: [], lost: [], newlyAcked: false });
  expect(snapshot()).toEqual(before);
});
