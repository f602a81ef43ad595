/** Compares counts with the budget. */

/** Costs per packet. */
export interface Cost {
  readonly calls: number;
  readonly bytes: number;
}

/** By workload. */
export type Budget = Readonly<Record<string, Cost>>;

/** Calls are the same on every machine and Node; the sizes of objects differ a little between Nodes. */
const TOLERANCE: Readonly<Record<keyof Cost, number>> = { calls: 0.01, bytes: 0.05 };

export interface Verdict {
  readonly workload: string;
  readonly measure: keyof Cost;
  readonly budget: number;
  readonly spent: number;
  /** "under": so much cheaper that the budget should be lowered. */
  readonly outcome: "over" | "within" | "under";
}

export function compare(budget: Budget, spent: Budget): Verdict[] {
  const names = new Set([...Object.keys(budget), ...Object.keys(spent)]);
  return [...names].flatMap((workload) =>
    (["calls", "bytes"] as const).map((measure): Verdict => {
      const allowed = budget[workload]?.[measure] ?? 0;
      const actual = spent[workload]?.[measure] ?? Number.POSITIVE_INFINITY;
      const tolerance = TOLERANCE[measure];
      const outcome =
        actual > allowed * (1 + tolerance) ? "over" : actual < allowed * (1 - tolerance) ? "under" : "within";
      return { workload, measure, budget: allowed, spent: actual, outcome };
    }),
  );
}

export function lineOf({ workload, measure, budget, spent, outcome }: Verdict): string {
  const change = `${spent >= budget ? "+" : ""}${((spent / budget - 1) * 100).toFixed(1)} %`;
  const mark = { over: "✗", within: "✓", under: "↓" }[outcome];
  return `${mark} ${workload}: ${spent} ${measure} per packet, budget ${budget} (${change})`;
}
