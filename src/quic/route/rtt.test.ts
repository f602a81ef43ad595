import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { micros, millis } from "../../base/time.ts";
import { RttEstimator } from "./rtt.ts";

const NO_DELAY = micros(0);
const MAX_ACK_DELAY = millis(25);

describe("RttEstimator (RFC 9002 §5)", () => {
  test("assumes 333 ms before the first sample, and so a first PTO of 999 ms", () => {
    const rtt = new RttEstimator();
    expect(rtt.hasSample).toBe(false);
    expect([rtt.smoothed, rtt.variance, rtt.ptoBase()]).toEqual([333_000, 166_500, 999_000]);
  });

  test("samples of 100 and of 120 with 10 of delay", () => {
    const rtt = new RttEstimator();
    rtt.update(millis(100), NO_DELAY, true, MAX_ACK_DELAY);
    expect([rtt.smoothed, rtt.variance, rtt.min]).toEqual([100_000, 50_000, 100_000]);
    rtt.update(millis(120), millis(10), true, MAX_ACK_DELAY);
    expect([rtt.latest, rtt.smoothed, rtt.variance, rtt.min]).toEqual([120_000, 101_250, 40_000, 100_000]);
    expect(rtt.ptoBase() + MAX_ACK_DELAY).toBe(286_250);
  });

  test("the delay is limited to max_ack_delay, but only after confirmation", () => {
    const update = (confirmed: boolean) => {
      const rtt = new RttEstimator();
      rtt.update(millis(100), NO_DELAY, confirmed, MAX_ACK_DELAY);
      rtt.update(millis(200), millis(80), confirmed, MAX_ACK_DELAY);
      return rtt.smoothed;
    };
    expect(update(true)).toBe(0.875 * 100_000 + 0.125 * 175_000);
    expect(update(false)).toBe(0.875 * 100_000 + 0.125 * 120_000);
  });

  test("the delay is not subtracted if the result would be below the minimum", () => {
    const rtt = new RttEstimator();
    rtt.update(millis(100), NO_DELAY, true, MAX_ACK_DELAY);
    rtt.update(millis(110), millis(20), true, MAX_ACK_DELAY);
    expect(rtt.smoothed).toBe(0.875 * 100_000 + 0.125 * 110_000);
  });

  test("the minimum ignores the delay, and restarts after resetMin", () => {
    const rtt = new RttEstimator();
    rtt.update(millis(100), millis(50), true, MAX_ACK_DELAY);
    rtt.update(millis(90), millis(20), true, MAX_ACK_DELAY);
    rtt.update(millis(300), NO_DELAY, true, MAX_ACK_DELAY);
    expect(rtt.min).toBe(90_000);
    rtt.resetMin();
    expect(rtt.min).toBe(90_000);
    rtt.update(millis(200), NO_DELAY, true, MAX_ACK_DELAY);
    rtt.update(millis(250), NO_DELAY, true, MAX_ACK_DELAY);
    expect(rtt.min).toBe(200_000);
  });

  test("the probe timeout is at least a millisecond above the smoothed RTT", () => {
    const rtt = new RttEstimator();
    for (let i = 0; i < 100; i += 1) rtt.update(micros(50), NO_DELAY, true, MAX_ACK_DELAY);
    expect(rtt.variance).toBeLessThan(5);
    expect(rtt.ptoBase()).toBe(rtt.smoothed + 1_000);
  });

  test("stays within the samples, in whole microseconds", () => {
    const sample = fc.tuple(fc.integer({ min: 1, max: 5_000_000 }), fc.integer({ min: 0, max: 100_000 }));
    fc.assert(
      fc.property(fc.array(sample, { minLength: 1, maxLength: 100 }), fc.boolean(), (samples, confirmed) => {
        const rtt = new RttEstimator();
        for (const [latest, delay] of samples) rtt.update(micros(latest), micros(delay), confirmed, MAX_ACK_DELAY);
        const latests = samples.map(([latest]) => latest);
        expect(rtt.min).toBe(Math.min(...latests));
        expect(rtt.smoothed).toBeGreaterThanOrEqual(rtt.min);
        expect(rtt.smoothed).toBeLessThanOrEqual(Math.max(...latests));
        expect(rtt.variance).toBeGreaterThanOrEqual(0);
        for (const value of [rtt.smoothed, rtt.variance, rtt.ptoBase()]) expect(Number.isInteger(value)).toBe(true);
      }),
    );
  });
});
