import { describe, expect, test } from "vitest";
import { type Instant, micros, millis } from "../base/time.ts";
import { Cubic, CubicLaw } from "./cubic.ts";
import { fill, ms, packet, rttOf } from "./testing/flow.ts";

const MDS = 1200;
const at = (seconds: number): Instant => Math.round(seconds * 1e6) as Instant;

/** Grows a window, all of it acknowledged each round trip, and returns its size in datagrams after each one. */
function rounds(law: CubicLaw, window: number, rttMs: number, count: number, start = 0): number[] {
  const rtt = rttOf(millis(rttMs));
  const sizes: number[] = [];
  let size = window;
  for (let round = 0; round < count; round += 1) {
    // One ACK per datagram.
    for (let acked = 0, of = size; acked < of; acked += MDS) {
      size = law.grow(MDS, size, MDS, rtt, at(start + ((round + acked / of) * rttMs) / 1000));
    }
    sizes.push(size / MDS);
  }
  return sizes;
}

describe("CUBIC (RFC 9438)", () => {
  test("a window of 100 is reduced to 70 and is back at 100 after K = 4.217 s (§4.2)", () => {
    const law = new CubicLaw();
    law.onReduction(100 * MDS);
    expect(law.reductionFactor).toBe(0.7);
    // Round trips of 100 ms, too long for NewReno's estimate to be larger (§4.3).
    const sizes = rounds(law, 70 * MDS, 100, 60);
    expect(sizes[41]).toBeGreaterThan(99.5);
    expect(sizes[41]).toBeLessThan(100.5);
    // Flat around the plateau, steep before and after it.
    expect(sizes[45]! - sizes[38]!).toBeLessThan(0.5);
    expect(sizes[9]! - sizes[0]!).toBeGreaterThan(10);
    expect(sizes[59]! - sizes[50]!).toBeGreaterThan(1);
  });

  test("follows the estimate of NewReno's window where that is larger (§4.3)", () => {
    const law = new CubicLaw();
    law.onReduction(100 * MDS);
    // α = 0.529 datagrams per round trip of 10 ms: far faster than the curve.
    const sizes = rounds(law, 70 * MDS, 10, 40);
    expect(sizes[39]! - 70).toBeGreaterThan(0.529 * 40 * 0.9);
    expect(sizes[39]! - 70).toBeLessThan(0.529 * 40 * 1.1);
  });

  test("the estimate grows by one datagram per round trip beyond the former window (§4.3)", () => {
    const law = new CubicLaw();
    law.onReduction(20 * MDS);
    const sizes = rounds(law, 14 * MDS, 1, 80);
    expect(sizes[79]! - sizes[59]!).toBeGreaterThan(18);
    expect(sizes[79]! - sizes[59]!).toBeLessThan(22);
  });

  test("grows by at most half in a round trip (§4.2)", () => {
    const law = new CubicLaw();
    law.onReduction(10_000 * MDS);
    const [first] = rounds(law, 10 * MDS, 100, 1);
    expect(first).toBeLessThan(10 * Math.exp(0.5));
  });

  test("a second reduction below the former window lowers the plateau further (§4.7)", () => {
    const law = new CubicLaw();
    law.onReduction(100 * MDS);
    law.onReduction(80 * MDS);
    // 80 × (1 + 0.7) / 2 = 68 and not 80.
    const sizes = rounds(law, 56 * MDS, 300, 11);
    expect(sizes[10]).toBeGreaterThan(67);
    expect(sizes[10]).toBeLessThan(69);
  });

  test("time with an underused window does not count (§5.8)", () => {
    const used = new CubicLaw();
    const idle = new CubicLaw();
    for (const law of [used, idle]) law.onReduction(100 * MDS);
    const before = rounds(used, 70 * MDS, 100, 10).at(-1)! * MDS;
    rounds(idle, 70 * MDS, 100, 10);
    idle.onUnderused(at(1));
    idle.onUnderused(at(20));
    expect(rounds(idle, before, 100, 10, 31).at(-1)).toBeCloseTo(rounds(used, before, 100, 10, 1).at(-1)!, 1);
  });

  test("without a reduction, congestion avoidance starts on the flat part of the curve (§4.10)", () => {
    const law = new CubicLaw();
    const sizes = rounds(law, 100 * MDS, 100, 20);
    expect(sizes[0]).toBeLessThan(101.5);
    expect(sizes[19]).toBeGreaterThan(102);
    expect(sizes[19]).toBeLessThan(125);
  });

  test("the undo of a spurious reduction restores the curve (§4.9)", () => {
    const RTT = rttOf(millis(100));
    const cubic = new Cubic(MDS);
    const twin = new Cubic(MDS);
    for (const controller of [cubic, twin]) {
      controller.onPacketsLost(fill(controller, ms(0)).slice(0, 1), ms(0), false, ms(100));
      controller.onPacketsDiscarded(controller.bytesInFlight);
      controller.onPacketsAcked(fill(controller, ms(200)), RTT, ms(300));
    }
    const lost = fill(cubic, ms(300));
    cubic.onPacketsLost([lost[0]!], ms(300), false, ms(400));
    cubic.onSpuriousCongestion(ms(410));
    cubic.onPacketsAcked(lost.slice(1), RTT, ms(420));
    twin.onPacketsAcked(fill(twin, ms(300)).slice(1), RTT, ms(420));
    expect(cubic.congestionWindow).toBe(twin.congestionWindow);
  });

  test("a window grows by fractions of a byte without losing them", () => {
    const cubic = new Cubic(MDS);
    cubic.onPacketsLost(fill(cubic, ms(0)), ms(0), false, ms(100));
    const rtt = rttOf(micros(500));
    const before = cubic.congestionWindow;
    for (let round = 0; round < 200; round += 1) {
      const now = at(0.2 + round / 2_000);
      for (const { size } of fill(cubic, now))
        cubic.onPacketsAcked([packet(now, size)], rtt, at(0.2005 + round / 2_000));
    }
    expect(cubic.congestionWindow).toBeGreaterThan(before + 20 * MDS);
  });
});
