import { expect, test } from "vitest";
import { mergeExpositions, parseExposition } from "../metrics/exposition.ts";
import { WorkerMetrics } from "./worker-metrics.ts";

const text = (requests: number, open: number): string =>
  `# HELP r_total R.\n# TYPE r_total counter\nr_total ${requests}\n# HELP open O.\n# TYPE open gauge\nopen ${open}\n`;

test("the sum of counters never shrinks when workers end and others take their place", () => {
  const workers = new WorkerMetrics();
  const sum = (name: string) => mergeExpositions(workers.texts.map(parseExposition)).get(name)?.samples.get(name);
  workers.set(1, text(10, 3));
  workers.set(2, text(5, 1));
  expect([sum("r_total"), sum("open")]).toEqual([15, 4]);
  workers.end(1);
  expect([sum("r_total"), sum("open")]).toEqual([15, 1]);
  workers.set(3, text(2, 1));
  workers.end(2);
  expect([sum("r_total"), sum("open")]).toEqual([17, 1]);
});
