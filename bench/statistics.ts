export function median(values: readonly number[]): number {
  if (values.length === 0) throw new Error("cannot compute the median of no values");
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** Returns the smallest value that at least this share of the values does not exceed. */
export function percentile(values: readonly number[], share: number): number {
  if (values.length === 0) throw new Error("no values have no percentile");
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)]!;
}

/** Half the width of the 95 % interval of a mean, in standard errors (Student's t), by number of values. */
const T95 = [12.71, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.16, 2.145, 2.131];

export interface RatioEstimate {
  readonly ratio: number;
  readonly low: number;
  readonly high: number;
}

/** The geometric mean of the ratios of paired values. Needs at least two pairs. */
export function pairedRatio(above: readonly number[], below: readonly number[]): RatioEstimate {
  const logs = above.map((value, i) => Math.log(value / below[i]!));
  const mean = logs.reduce((sum, value) => sum + value, 0) / logs.length;
  const variance = logs.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (logs.length - 1);
  const half = (T95[logs.length - 2] ?? 1.96) * Math.sqrt(variance / logs.length);
  return { ratio: Math.exp(mean), low: Math.exp(mean - half), high: Math.exp(mean + half) };
}

/**
 * The median of the ratios of paired values, with an interval that contains the true one with a probability of at least
 * 90 % (of order statistics, so without an assumption about the distribution), or the range if there are fewer than five.
 */
export function medianRatio(above: readonly number[], below: readonly number[]): RatioEstimate {
  const ratios = above.map((value, i) => value / below[i]!).sort((a, b) => a - b);
  const cut = cutOf(ratios.length);
  return { ratio: median(ratios), low: ratios[cut]!, high: ratios.at(-1 - cut)! };
}

/** How many of the smallest and of the largest of `count` values may be left out. */
function cutOf(count: number): number {
  let cut = 0;
  let term = 1;
  // The sum of the binomial coefficients below `cut` + 1, for the next step.
  let sum = 1 + count;
  while (2 * sum <= 0.1 * 2 ** count) {
    cut += 1;
    term = cut === 1 ? count : (term * (count - cut + 1)) / cut;
    sum += (term * (count - cut)) / (cut + 1);
  }
  return cut;
}

/** Rounded to three significant digits, which is as precise as these measurements are. */
export const rounded = (value: number): number => Number(value.toPrecision(3));
