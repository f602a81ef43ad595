/** Runs an experiment cell by cell. The caller decides when the next one runs, so it can show progress and stop. */

import { SeededRng } from "../base/rng.ts";
import type { CryptoEngine } from "../crypto/engine.ts";
import type { Claim, Experiment, FigureColumn, Part, Result, Row, Values } from "./experiment.ts";
import { mean, round } from "./figures.ts";

export interface RunOptions {
  /** A whole number below 2^32; 1 by default. */
  readonly seed?: number;
  readonly engine: CryptoEngine;
  /** Runs only a few cells of each part. */
  readonly quick?: boolean;
}

/** Yielded before each simulation. */
export interface Progress {
  readonly done: number;
  readonly total: number;
  readonly part: string;
}

const DEFAULT_SEED = 1;

export function* runExperiment(experiment: Experiment, options: RunOptions): Generator<Progress, Result> {
  const { seed = DEFAULT_SEED, engine, quick = false } = options;
  const work = experiment.parts.flatMap((part) =>
    part.cells.filter((cell) => !quick || part.isQuick(cell)).map((cell) => ({ part, cell })),
  );
  const total = work.reduce((sum, { part }) => sum + part.repetitions, 0);
  const rows: Row[] = [];
  let done = 0;
  for (const { part, cell } of work) {
    // Every cell meets the same seeds, so rows do not depend on the selection of cells.
    const seeds = new SeededRng(seed);
    const runs: Values[] = [];
    for (let repetition = 0; repetition < part.repetitions; repetition += 1) {
      yield { done, total, part: part.title };
      runs.push(part.measure(cell, { seed: seeds.uint32(), engine }));
      done += 1;
    }
    rows.push({ part: part.name, ...cell, ...summarize(part, runs) });
  }
  return { name: experiment.name, seed, rows, claims: judge(experiment, rows) };
}

function summarize({ figures }: Part, runs: readonly Values[]): Values {
  return Object.assign({}, ...Object.entries(figures).map(([name, column]) => summarizeFigure(name, column, runs)));
}

function summarizeFigure(name: string, { digits, spread }: FigureColumn, runs: readonly Values[]): Values {
  const values = runs.map((run) => run[name]).filter((value) => typeof value === "number");
  if (values.length < runs.length) return { [name]: runs[0]![name] ?? null };
  return {
    [name]: round(mean(values), digits),
    ...(spread === true && {
      [`${name}Lowest`]: round(Math.min(...values), digits),
      [`${name}Highest`]: round(Math.max(...values), digits),
    }),
  };
}

export const judge = ({ claims }: Experiment, rows: readonly Row[]): readonly Claim[] =>
  claims.flatMap(({ judge, ...claim }) => {
    const verdict = judge(rows);
    return verdict === undefined ? [] : [{ ...claim, ...verdict }];
  });
