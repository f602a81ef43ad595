/** Named ratios between pairs: what is measured for each, and the result. */

import type { BenchOptions } from "./bench.ts";
import { measurePairs, type PairCost, type PairSpec, pairName, type Round } from "./pairs.ts";
import type { Interval, Report, Row } from "./report.ts";
import type { Scratch } from "./scratch.ts";
import { medianRatio, rounded } from "./statistics.ts";

export interface Comparison {
  readonly name: string;
  readonly figure: "serverCpu" | "clientCpu" | "bothCpu" | "goodput" | "p50" | "p99";
  readonly of: PairSpec;
  readonly to: PairSpec;
  readonly atMost?: number;
}

/** The comparisons whose name contains `only`. */
export const selected = (comparisons: readonly Comparison[], only = ""): readonly Comparison[] =>
  comparisons.filter(({ name }) => name.includes(only));

/** Each pair of the comparisons once. */
export function pairsOf(comparisons: readonly Comparison[]): readonly PairSpec[] {
  const pairs = new Map(comparisons.flatMap(({ of, to }) => [of, to]).map((pair) => [pairName(pair), pair]));
  return [...pairs.values()];
}

export interface Ratios {
  readonly ratios: Readonly<Record<string, number>>;
  readonly intervals: Readonly<Record<string, Interval>>;
}

/** The median of the ratios within a round. A ratio with a missing pair, or a zero divisor, is missing. */
export function ratiosOf(
  comparisons: readonly Comparison[],
  costs: readonly Pick<PairCost, "name" | "rounds">[],
): Ratios {
  const ratios: Record<string, number> = {};
  const intervals: Record<string, Interval> = {};
  for (const { name, figure, of, to } of comparisons) {
    const [above, below] = [of, to].map((pair) =>
      costs.find((cost) => cost.name === pairName(pair))?.rounds.map((round: Round) => round[figure]),
    );
    if (above === undefined || below === undefined || below.includes(0)) continue;
    const { ratio, low, high } = medianRatio(above, below);
    ratios[name] = rounded(ratio);
    intervals[name] = [rounded(low), rounded(high)];
  }
  return { ratios, intervals };
}

/** Measures the pairs of the selected comparisons. */
export async function compareAll(
  all: readonly Comparison[],
  scratch: Scratch,
  { rounds, only, log, origin }: BenchOptions & { readonly rounds: number; readonly origin?: string },
  figures: (cost: PairCost) => Row["figures"],
): Promise<Report> {
  const comparisons = selected(all, only);
  const { costs, remarks, versions } = await measurePairs(pairsOf(comparisons), scratch, { rounds, log, origin });
  return {
    rows: costs.map((cost) => ({ name: cost.name, figures: figures(cost) })),
    ...ratiosOf(comparisons, costs),
    targets: comparisons.flatMap(({ name, atMost }) => (atMost === undefined ? [] : [{ of: name, atMost }])),
    remarks: [...remarks, ...(versions.length === 0 ? [] : [`peers: ${versions.join(", ")}`])],
  };
}
