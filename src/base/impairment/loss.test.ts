import { describe, expect, test } from "vitest";
import { SeededRng } from "../rng.ts";
import { listed, lossModel } from "./loss.ts";

const COUNT = 200_000;

function sample(model: ReturnType<typeof lossModel>) {
  const rng = new SeededRng(3);
  const losses = Array.from({ length: COUNT }, () => model(rng));
  const lost = losses.filter(Boolean).length;
  const bursts = losses.filter((one, i) => one && losses[i - 1] !== true).length;
  return { rate: lost / COUNT, burst: lost / bursts };
}

describe("Gilbert–Elliott", () => {
  test("has the stationary loss rate and burst length of its chain", () => {
    // The share of the bad state is p / (p + r); its mean stay is 1 / r.
    const { rate, burst } = sample(lossModel({ model: "gilbert-elliott", goodToBad: 0.01, badToGood: 0.25 }));
    expect(rate).toBeCloseTo(0.01 / 0.26, 2);
    expect(burst).toBeGreaterThan(3.8);
    expect(burst).toBeLessThan(4.2);
  });

  test("may lose in both states", () => {
    const model = {
      model: "gilbert-elliott",
      goodToBad: 0.1,
      badToGood: 0.1,
      lossInGood: 0.02,
      lossInBad: 0.5,
    } as const;
    expect(sample(lossModel(model)).rate).toBeCloseTo(0.26, 2);
  });
});

test("independent loss has bursts of the geometric length", () => {
  const { rate, burst } = sample(lossModel(0.2));
  expect(rate).toBeCloseTo(0.2, 2);
  expect(burst).toBeCloseTo(1.25, 1);
});

test("lists have numbers and inclusive ranges", () => {
  const isListed = listed([1, [3, 5], 9]);
  const numbers = Array.from({ length: 10 }, (_, i) => i + 1);
  expect(numbers.filter(isListed)).toEqual([1, 3, 4, 5, 9]);
});
