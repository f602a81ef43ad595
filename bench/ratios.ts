/** Ratios between rows. */

import { rounded } from "./statistics.ts";

export interface RatioSpec {
  readonly name: string;
  readonly of: string;
  readonly to: string;
}

/** Computes the available ratios; omits those with a missing row or a zero divisor. */
export function ratiosOf<T extends { readonly name: string }>(
  specs: readonly RatioSpec[],
  costs: readonly T[],
  figure: (cost: T) => number,
): Record<string, number> {
  const ratios: Record<string, number> = {};
  for (const { name, of, to } of specs) {
    const [above, below] = [of, to].map((row) => costs.find((cost) => cost.name === row));
    if (above === undefined || below === undefined || figure(below) === 0) continue;
    ratios[name] = rounded(figure(above) / figure(below));
  }
  return ratios;
}
