import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Instant, seconds } from "../../base/time.ts";
import { ETHERNET_PAYLOAD, MtuProber } from "./mtu.ts";

const NOW = 0 as Instant;
const at = (count: number): Instant => seconds(count) as number as Instant;

/** Probes until no probe is due, on a path that takes datagrams up to `truth`. Returns the sizes probed. */
function search(prober: MtuProber, truth: number, now = NOW): number[] {
  const sizes: number[] = [];
  for (let packetNumber = 0; packetNumber < 200; packetNumber += 1) {
    const size = prober.probeSize(now);
    if (size === undefined) return sizes;
    sizes.push(size);
    prober.onProbeSent(packetNumber, size);
    expect(prober.isProbe(packetNumber)).toBe(true);
    expect(prober.probeSize(now)).toBeUndefined();
    if (size <= truth) prober.onProbeAcked();
    else prober.onProbeLost();
    expect(prober.isProbe(packetNumber)).toBe(false);
  }
  throw new Error("the search does not end");
}

describe("MtuProber (RFC 8899)", () => {
  test("probes the maximum first and is done if it passes", () => {
    const prober = new MtuProber(1452);
    expect(search(prober, 1452)).toEqual([1452]);
    expect(prober.current).toBe(1452);
  });

  test("probes what Ethernet takes before an interface's larger maximum", () => {
    const prober = new MtuProber(16_384);
    expect(search(prober, 16_384)).toEqual([1452, 16_384]);
  });

  test("bisects in coarser steps beyond Ethernet", () => {
    const prober = new MtuProber(16_384);
    const sizes = search(prober, 8_952);
    expect(sizes.slice(0, 5)).toEqual([1452, 16_384, 16_384, 16_384, 8_918]);
    expect(prober.current).toBe(8_918);
  });

  test("stays at Ethernet's size if the path takes no more", () => {
    const prober = new MtuProber(16_384);
    expect(search(prober, 1_472).length).toBeLessThanOrEqual(25);
    expect(prober.current).toBe(1452);
  });

  test("is off at the base size", () => {
    expect(new MtuProber(1200).probeSize(NOW)).toBeUndefined();
  });

  test("tries a size three times before it tries a smaller one", () => {
    const prober = new MtuProber(1452);
    const sizes = search(prober, 1400);
    expect(sizes.slice(0, 4)).toEqual([1452, 1452, 1452, 1232]);
    expect(prober.current).toBeLessThanOrEqual(1400);
    expect(prober.current).toBeGreaterThan(1380);
  });

  test("finds any path's size to within 20 bytes, or an eighth beyond Ethernet, and never overestimates it", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1201, max: 9000 }), fc.integer({ min: 1200, max: 9100 }), (ceiling, truth) => {
        const prober = new MtuProber(ceiling);
        search(prober, truth);
        const best = Math.min(truth, ceiling);
        expect(prober.current).toBeLessThanOrEqual(best);
        const step = best < ETHERNET_PAYLOAD ? 20 : best / 8;
        expect(prober.current).toBeGreaterThanOrEqual(best - step);
      }),
    );
  });

  test("starts a new search after ten minutes", () => {
    const prober = new MtuProber(1452);
    search(prober, 1300);
    expect(prober.current).toBeLessThanOrEqual(1300);
    expect(prober.probeSize(at(599))).toBeUndefined();
    expect(search(prober, 1452, at(600))).toEqual([1452]);
  });

  describe("black holes", () => {
    const probed = () => {
      const prober = new MtuProber(1452);
      search(prober, 1452);
      return prober;
    };

    test("three losses of large packets in a row", () => {
      const prober = probed();
      expect([1452, 1400, 1300].map((size) => prober.onPacketsLost(size))).toEqual([false, false, true]);
      expect(prober.current).toBe(1200);
      // The next search has to wait.
      expect(prober.probeSize(at(10))).toBeUndefined();
      expect(prober.probeSize(at(69))).toBeUndefined();
      expect(prober.probeSize(at(70))).toBe(1452);
    });

    test("not if a large packet arrives in between, nor for small packets", () => {
      const prober = probed();
      for (let i = 0; i < 10; i += 1) {
        expect(prober.onPacketsLost(1452)).toBe(false);
        expect(prober.onPacketsLost(1452)).toBe(false);
        expect(prober.onPacketsLost(1200)).toBe(false);
        prober.onPacketAcked(1400);
      }
      prober.onPacketsLost(1452);
      prober.onPacketsLost(1452);
      prober.onPacketAcked(50);
      expect(prober.onPacketsLost(1452)).toBe(true);
    });

    test("three probe timeouts in a row", () => {
      const prober = probed();
      expect([1, 2, 3, 4].map((count) => prober.onPto(count))).toEqual([false, false, true, false]);
      expect(prober.current).toBe(1200);
    });
  });
});
