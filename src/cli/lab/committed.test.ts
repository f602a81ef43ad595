// The results in docs/lab are those of this code: `nagare lab report docs/lab` writes them.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { cryptoEngine } from "../../host/engine/engine.ts";
import { EXPERIMENTS, type Experiment, type Result, reportPage, runExperiment } from "../../lab/index.ts";
import { judge } from "../../lab/run.ts";
import { resultFiles } from "./report.ts";

const FOLDER = join(import.meta.dirname, "../../../docs/lab");
const read = (name: string): string => readFileSync(join(FOLDER, name), "utf8");
const committed = ({ name }: Experiment): Result => JSON.parse(read(`${name}.json`));

async function quickRun(experiment: Experiment): Promise<Result> {
  const work = runExperiment(experiment, { engine: await cryptoEngine(), quick: true });
  for (;;) {
    const { done, value } = work.next();
    if (done) return value;
  }
}

describe.each(EXPERIMENTS)("$name", (experiment) => {
  test("a quick run gives the committed rows", async () => {
    const { rows, claims } = await quickRun(experiment);
    const all = committed(experiment).rows;
    const known = new Set(all.map((row) => JSON.stringify(row)));
    expect(rows.length).toBeGreaterThan(3);
    expect(rows.filter((row) => !known.has(JSON.stringify(row)))).toEqual([]);
    expect(claims.filter(({ met }) => !met)).toEqual([]);
  });

  test("every cell has a row, and every claim is judged and met", () => {
    const { rows, claims } = committed(experiment);
    expect(rows).toHaveLength(experiment.parts.reduce((sum, { cells }) => sum + cells.length, 0));
    expect(claims).toEqual(judge(experiment, rows));
    expect(claims.map(({ name }) => name)).toEqual(experiment.claims.map(({ name }) => name));
    expect(claims.filter(({ met }) => !met)).toEqual([]);
  });

  test.each(["json", "txt", "svg"])("its %s file is what the committed rows give", (extension) => {
    const files = new Map(resultFiles({ experiment, result: committed(experiment) }));
    expect(read(`${experiment.name}.${extension}`)).toBe(files.get(`${experiment.name}.${extension}`));
  });
});

test("the page is what the committed rows give", () => {
  const page = reportPage(EXPERIMENTS.map((experiment) => ({ experiment, result: committed(experiment) })));
  expect(read("index.html")).toBe(page);
});

test("the page requests nothing and runs nothing", () => {
  const page = read("index.html");
  expect(page.match(/<script|<link|<img|<iframe|@import|\bsrc=|url\(/)).toBeNull();
  const targets = [...page.matchAll(/href="([^"]*)"/g)].map(([, target]) => target!);
  expect(targets.filter((target) => !target.startsWith("#"))).toEqual([]);
  for (const target of targets) expect(page).toContain(`id="${target.slice(1)}"`);
});
