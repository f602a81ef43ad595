/** Access to the rows of a result, for claims and plots. */

import type { Row, Values } from "./experiment.ts";

/** The rows of a part whose columns have these values. */
export const rowsOf = (rows: readonly Row[], part: string, where: Values = {}): readonly Row[] =>
  rows.filter((row) => row.part === part && Object.entries(where).every(([name, value]) => row[name] === value));

/** The figure of the only such row; undefined if there is no such row. */
export function figureOf(rows: readonly Row[], part: string, figure: string, where: Values): number | undefined {
  const value = rowsOf(rows, part, where)[0]?.[figure];
  return typeof value === "number" ? value : undefined;
}

/** The lowest and the highest number as text, or just one if they print alike. */
export function range(values: readonly number[], digits: number, unit = ""): string {
  const [low, high] = [Math.min(...values).toFixed(digits), Math.max(...values).toFixed(digits)];
  return `${low === high ? low : `${low} to ${high}`}${unit === "" ? "" : ` ${unit}`}`;
}
