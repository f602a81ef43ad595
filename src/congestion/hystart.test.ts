import { describe, expect, test } from "vitest";
import { type Instant, millis } from "../base/time.ts";
import { Cubic } from "./cubic.ts";
import { HyStart } from "./hystart.ts";
import { fill, ms, rttOf } from "./testing/flow.ts";

/** Reports one round with a sample per given round-trip time. */
function round(slowStart: HyStart, start: number, samples: readonly number[]): void {
  samples.forEach((sample, index) => {
    // The first packet of the round was sent after the previous round began, the others before this one began.
    slowStart.onAcked(ms(index === 0 ? start : start - 1), millis(sample), (start * 1000 + 1 + index) as Instant);
  });
}

const same = (rtt: number, count = 8): number[] => new Array<number>(count).fill(rtt);

describe("HyStart++ (RFC 9406)", () => {
  test.each([
    ["4 ms at least", 8, 11.9, 12],
    ["an eighth", 80, 89.9, 90],
    ["16 ms at most", 400, 415.9, 416],
  ])("the threshold is %s", (_, base, below, above) => {
    for (const [rtt, divisor] of [
      [below, 1],
      [above, 4],
    ] as const) {
      const slowStart = new HyStart();
      round(slowStart, 100, same(base));
      round(slowStart, 200, same(rtt));
      expect(slowStart.growthDivisor).toBe(divisor);
    }
  });

  test("needs eight samples in the round", () => {
    const slowStart = new HyStart();
    round(slowStart, 100, same(50));
    round(slowStart, 200, same(100, 7));
    expect(slowStart.growthDivisor).toBe(1);
  });

  test("one low sample in the round is enough to continue", () => {
    const slowStart = new HyStart();
    round(slowStart, 100, same(50));
    round(slowStart, 200, [50, ...same(100, 20)]);
    expect(slowStart.growthDivisor).toBe(1);
  });

  test("is over after five rounds at a quarter of the growth", () => {
    const slowStart = new HyStart();
    round(slowStart, 100, same(50));
    for (let index = 2; index <= 6; index += 1) {
      round(slowStart, index * 100, same(60));
      expect([slowStart.growthDivisor, slowStart.isOver]).toEqual([4, false]);
    }
    round(slowStart, 700, same(60));
    expect(slowStart.isOver).toBe(true);
  });

  test("slow start resumes when the round-trip time falls below its value at the rise", () => {
    const slowStart = new HyStart();
    round(slowStart, 100, same(50));
    round(slowStart, 200, same(60));
    expect(slowStart.growthDivisor).toBe(4);
    round(slowStart, 300, same(55));
    expect(slowStart.growthDivisor).toBe(1);
    // The rounds are counted from zero at the next rise.
    round(slowStart, 400, same(70));
    for (let index = 5; index <= 8; index += 1) round(slowStart, index * 100, same(80));
    expect(slowStart.isOver).toBe(false);
  });

  test("a controller leaves slow start without a loss", () => {
    const cubic = new Cubic(1200);
    let now = 0;
    let rtt = 50;
    for (let index = 0; index < 9; index += 1) {
      const sent = fill(cubic, ms(now));
      now += rtt;
      for (let acked = 0; acked < sent.length; acked += 1)
        cubic.onPacketsAcked([sent[acked]!], rttOf(millis(rtt)), ms(now));
      if (index >= 2) rtt = 70;
    }
    expect(cubic.ssthresh).toBeLessThan(Number.POSITIVE_INFINITY);
    // Three doublings, then five rounds of growth by a quarter.
    expect(cubic.ssthresh).toBeGreaterThan(12_000 * 8);
    expect(cubic.ssthresh).toBeLessThan(12_000 * 8 * 1.25 ** 7);
  });
});
