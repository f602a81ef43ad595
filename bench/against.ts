/** Compares this checkout with another one, usually the previous commit: the same load alternately, round by round. */

import type { Load } from "./clients.ts";
import { measurePairs, type PairOptions, type PairSpec, type Round } from "./pairs.ts";
import type { Report } from "./report.ts";
import type { Scratch } from "./scratch.ts";
import { median, pairedRatio, rounded } from "./statistics.ts";

/** First with one external client, so that only the servers differ; then each with its own client. */
const PAIRS: readonly Pick<PairSpec, "server" | "client">[] = [
  { server: "ours", client: "gtlsclient" },
  { server: "before", client: "gtlsclient" },
  { server: "ours", client: "ours" },
  { server: "before", client: "before" },
];

const FIGURES = [
  { name: "server CPU", side: "serverCpu", pairs: ["ours → gtlsclient", "before → gtlsclient"] },
  { name: "server CPU, own client", side: "serverCpu", pairs: ["ours → ours", "before → before"] },
  { name: "client CPU", side: "clientCpu", pairs: ["ours → ours", "before → before"] },
] as const satisfies readonly { readonly side: keyof Round; readonly [key: string]: unknown }[];

export async function compare(
  load: Omit<Load, "port">,
  scratch: Scratch,
  options: PairOptions & { readonly before: string },
): Promise<Report> {
  const { costs, remarks } = await measurePairs(
    PAIRS.map((pair) => ({ ...pair, load })),
    scratch,
    options,
  );
  const rows = FIGURES.flatMap(({ name, side, pairs }) => {
    const [now, before] = pairs.map((pair) => costs.find((cost) => cost.name === pair)?.rounds.map((r) => r[side]));
    if (now === undefined || before === undefined || now.length < 2) return [];
    const { ratio, low, high } = pairedRatio(now, before);
    const figures = {
      "now ms": Math.round(median(now) / 1_000),
      "before ms": Math.round(median(before) / 1_000),
      "now / before": rounded(ratio),
      "95 % from": rounded(low),
      to: rounded(high),
    };
    return [{ name, figures }];
  });
  // It counts as a regression only if the whole interval lies above the limit.
  const targets = rows.map(({ name }) => ({ of: `${name}: 95 % from`, atMost: 1.05 }));
  return { rows, ratios: {}, targets, remarks };
}
