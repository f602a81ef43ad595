/** Values of rows as text: with the column's digits, labels and units. */

import type { Column, FigureColumn, Part, Row } from "./experiment.ts";

export const MISSING = "–";

/** One value, without its unit. */
export function formatValue({ digits = 0, labels }: Column, value: string | number | null | undefined): string {
  if (value === null || value === undefined) return MISSING;
  return typeof value === "number" ? value.toFixed(digits) : (labels?.[value] ?? value);
}

/** A cell of a table; with the lowest and highest value if the column has them. */
export function formatCell(name: string, column: FigureColumn, row: Row): string {
  const text = formatValue(column, row[name]);
  if (column.spread !== true || text === MISSING) return text;
  const [low, high] = [row[`${name}Lowest`], row[`${name}Highest`]].map((value) => formatValue(column, value));
  return `${text} (${low}–${high})`;
}

/** The title with the unit, as on axes. */
export const formatTitle = ({ title, unit }: Column): string => (unit === undefined ? title : `${title} (${unit})`);

/** The set-up, and what the figures of several runs are. */
export function describeSetup({ setup, repetitions, figures }: Part): string {
  if (repetitions === 1) return setup;
  const hasSpread = Object.values(figures).some(({ spread }) => spread === true);
  return `${setup} Figures are means of ${repetitions} runs${hasSpread ? ", with the lowest and the highest in brackets" : ""}.`;
}
