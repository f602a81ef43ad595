import { describe, expect, test } from "vitest";
import { portableEngine } from "../crypto/portable/index.ts";
import { type Experiment, part, type Result, type Row } from "./experiment.ts";
import { product } from "./figures.ts";
import { type Progress, type RunOptions, runExperiment } from "./run.ts";

const seeds: number[] = [];

/** Its figures are functions of the cell and the seed. */
const experiment: Experiment = {
  name: "numbers",
  title: "Numbers",
  summary: "adds",
  takes: "no time",
  parts: [
    part({
      name: "sums",
      title: "Sums",
      setup: "Nothing is simulated.",
      parameters: { a: { title: "a" }, b: { title: "b" } },
      figures: {
        sum: { title: "sum", digits: 1, spread: true },
        parity: { title: "parity" },
        quotient: { title: "quotient" },
      },
      cells: product({ a: [1, 2], b: [0, 10, 20] }),
      isQuick: ({ a, b }) => a === 2 && b > 0,
      repetitions: 2,
      measure({ a, b }, { seed }) {
        seeds.push(seed);
        return { sum: a + b + (seed % 2) / 4, parity: a % 2 === 0 ? "even" : "odd", quotient: b === 0 ? null : a / b };
      },
      plots: [],
    }),
  ],
  claims: [
    {
      name: "sums grow",
      source: "arithmetic",
      theirs: "a larger b gives a larger sum",
      judge(rows) {
        const sums = rows.filter(({ a }) => a === 2).map(({ sum }) => Number(sum));
        return { ours: sums.join(" < "), met: sums.every((sum, i) => i === 0 || sum > sums[i - 1]!) };
      },
    },
    {
      name: "needs a = 1",
      source: "arithmetic",
      theirs: "nothing",
      judge: (rows) => (rows.some(({ a }) => a === 1) ? { ours: "nothing", met: false } : undefined),
    },
  ],
};

function run(options: Omit<RunOptions, "engine"> = {}): { readonly progress: Progress[]; readonly result: Result } {
  seeds.length = 0;
  const progress: Progress[] = [];
  const work = runExperiment(experiment, { engine: portableEngine, ...options });
  for (;;) {
    const step = work.next();
    if (step.done) return { progress, result: step.value };
    progress.push(step.value);
  }
}

describe("a run", () => {
  test("has a row per cell, in order, with parameters, means and spreads", () => {
    const { result } = run({ seed: 5 });
    expect(result).toMatchObject({ name: "numbers", seed: 5 });
    expect(result.rows.map(({ a, b }) => [a, b])).toEqual([
      [1, 0],
      [1, 10],
      [1, 20],
      [2, 0],
      [2, 10],
      [2, 20],
    ]);
    const { sum, sumLowest, sumHighest } = result.rows[1]!;
    const two = seeds.slice(2, 4).map((seed) => Math.round((11 + (seed % 2) / 4) * 10) / 10);
    expect([sumLowest, sumHighest]).toEqual([Math.min(...two), Math.max(...two)]);
    expect(Number(sum)).toBeGreaterThanOrEqual(Number(sumLowest));
    expect(Number(sum)).toBeLessThanOrEqual(Number(sumHighest));
  });

  test("keeps texts, and null where a figure does not apply", () => {
    const [first] = run().result.rows as readonly [Row];
    expect(first).toMatchObject({ parity: "odd", quotient: null });
  });

  test("uses the same seeds in every cell, other seeds in every repetition, and others again for another seed", () => {
    run();
    const [one, two] = seeds;
    expect(one).not.toBe(two);
    expect(seeds).toEqual(Array.from({ length: 12 }, (_, i) => (i % 2 === 0 ? one : two)));
    run({ seed: 2 });
    expect(seeds).not.toContain(one);
  });

  test("reports its progress before each simulation", () => {
    const { progress } = run();
    expect(progress).toHaveLength(12);
    expect(progress[0]).toEqual({ done: 0, total: 12, part: "Sums" });
    expect(progress.at(-1)!.done).toBe(11);
  });

  test("judges the claims for which there are rows", () => {
    const { claims } = run().result;
    expect(claims.map(({ name, met }) => [name, met])).toEqual([
      ["sums grow", true],
      ["needs a = 1", false],
    ]);
    expect(Object.keys(claims[0]!)).toEqual(["name", "source", "theirs", "ours", "met"]);
  });
});

test("a quick run has some of the rows of a full one", () => {
  const { rows } = run().result;
  const quick = run({ quick: true }).result;
  expect(quick.rows).toEqual(rows.filter(({ a, b }) => a === 2 && Number(b) > 0));
  expect(quick.claims.map(({ name }) => name)).toEqual(["sums grow"]);
});
