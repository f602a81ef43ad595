/** The table of the testbed, for people and for docs/proposals/happy-eyeballs.md. */

import { type Measured, ROWS } from "./rows.ts";

export interface TableColumn {
  readonly name: string;
  /** One for each row. */
  readonly cells: readonly (Measured | undefined)[];
}

export function tableOf(columns: readonly TableColumn[]): string {
  const lines = [
    ["measured", "should be", ...columns.map(({ name }) => name)],
    ["---", "---", ...columns.map(() => "---")],
    ...ROWS.map(({ title, source }, i) => [title, source, ...columns.map(({ cells }) => cells[i]?.text ?? "–")]),
  ];
  return lines.map((line) => `| ${line.join(" | ")} |`).join("\n");
}

const START = "<!-- testbed -->";
const END = "<!-- /testbed -->";

/** The page with the table between its markers. */
export function withTable(page: string, table: string): string {
  const start = page.indexOf(START);
  const end = page.indexOf(END);
  if (start < 0 || end < start) throw new Error(`the markers ${START} and ${END} are missing`);
  return `${page.slice(0, start)}${START}\n${table}\n${page.slice(end)}`;
}
