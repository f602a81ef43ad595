import { expect, test } from "vitest";
import { type Comparison, pairsOf, ratiosOf, selected } from "./comparisons.ts";
import { type PairSpec, pairName, type Round } from "./pairs.ts";

const load = { path: "/", requests: 1, concurrency: 1, bytes: 1 };
const pair = (server: PairSpec["server"]): PairSpec => ({ server, client: "gtlsclient", load });
const compare = (name: string, of: PairSpec["server"], to: PairSpec["server"]): Comparison => ({
  ...{ name, figure: "serverCpu", of: pair(of), to: pair(to) },
});

const COMPARISONS = [compare("server-vs-bun", "ours", "bun"), compare("server-vs-caddy", "ours", "caddy")];

const rounds = (...cpu: number[]): Round[] =>
  cpu.map((serverCpu) => ({
    ...{ serverCpu, clientCpu: 1, bothCpu: 1, seconds: 1, goodput: 1, p50: 1, p99: 1, clientPeak: 1 },
  }));
const cost = (server: PairSpec["server"], ...cpu: number[]) => ({
  name: pairName(pair(server)),
  rounds: rounds(...cpu),
});

test("a pair of several comparisons is measured once", () => {
  expect(pairsOf(COMPARISONS).map(({ server }) => server)).toEqual(["ours", "bun", "caddy"]);
});

test("a part of the name selects comparisons, and so their pairs", () => {
  expect(pairsOf(selected(COMPARISONS, "caddy")).map(({ server }) => server)).toEqual(["ours", "caddy"]);
  expect(selected(COMPARISONS)).toEqual(COMPARISONS);
});

test("a ratio is the median of those within a round, with its interval", () => {
  const costs = [cost("ours", 10, 30, 20), cost("bun", 10, 10, 10), cost("caddy", 40, 40, 40)];
  expect(ratiosOf(COMPARISONS, costs)).toEqual({
    ratios: { "server-vs-bun": 2, "server-vs-caddy": 0.5 },
    intervals: { "server-vs-bun": [1, 3], "server-vs-caddy": [0.25, 0.75] },
  });
});

test("a missing pair, or one without measurable cost, has no ratio", () => {
  expect(ratiosOf(COMPARISONS, [cost("ours", 1), cost("bun", 0)])).toEqual({ ratios: {}, intervals: {} });
});
