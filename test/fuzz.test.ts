/** Fixed inputs for each fuzz target: 4,000 in CI, the first 1,500 of them otherwise. `npm run fuzz` runs more. */

import { describe, expect, test } from "vitest";
import { fuzz } from "../fuzz/run.ts";
import { TARGETS } from "../fuzz/targets/index.ts";
import { ALL_SEEDS } from "./properties/seeds.ts";

/** Fewer inputs for targets where each is a complete handshake. */
const INPUTS: Readonly<Record<string, number>> = { "transport-parameters": 300, tls: 300, netstack: 1_000 };
const DEFAULT_INPUTS = ALL_SEEDS ? 4_000 : 1_500;

describe("a victim closes with a code, or stays open", () => {
  test.each(TARGETS.map((target) => [target.name, target] as const))("%s", (name, target) => {
    const maxInputs = INPUTS[name] ?? DEFAULT_INPUTS;
    const report = fuzz({ target, seed: 1, maxInputs });
    expect(report.failure).toBeUndefined();
    expect(report.inputs).toBe(maxInputs);
    expect(report.outcomes.size).toBeGreaterThan(0);
  });

  test("the same seed gives the same outcomes", () => {
    const run = () => [...fuzz({ target: TARGETS[0]!, seed: 7, maxInputs: 1_000 }).outcomes];
    expect(run()).toEqual(run());
  });
});

test("an error of the victim is reported with the seed that reproduces it", () => {
  const broken = {
    name: "broken",
    start: (seed: number) => ({
      outcome: undefined,
      end: () => {},
      step: () => {
        if (seed === 3) throw new TypeError("a bug");
      },
    }),
  };
  expect(fuzz({ target: broken, seed: 4, maxInputs: 10 }).failure).toBeUndefined();
  const { failure } = fuzz({ target: broken, seed: 3, maxInputs: 10 });
  expect(failure).toMatchObject({ seed: 3, input: 1, error: new TypeError("a bug") });
});
