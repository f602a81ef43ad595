/** Results as a table: a row per case, a column per peer and role. */

import { countOf, type Outcome, type Result } from "./result.ts";

const MARK: Readonly<Record<Outcome, string>> = { pass: "✓", fail: "✗", unsupported: "–", skipped: "skip" };

export function matrix(results: readonly Result[]): string {
  const columns = distinct(results.map(columnOf));
  const cases = distinct(results.map((result) => result.case));
  const rows = cases.map((name) => [
    name,
    ...columns.map((column) => {
      const cell = results.find((result) => result.case === name && columnOf(result) === column);
      return cell === undefined ? "" : MARK[cell.result];
    }),
  ]);
  return [...align([["", ...columns], ...rows]), "", summary(results)].join("\n");
}

/** Client → server; we are "us", unless a third party takes our side. */
export const columnOf = ({ peer, side = "us", role }: Result): string =>
  role === "server" ? `${peer} → ${side}` : `${side} → ${peer}`;

export function summary(results: readonly Result[]): string {
  const tried = countOf(results, "pass") + countOf(results, "fail");
  return [
    `${countOf(results, "pass")} of ${tried} cells pass`,
    `${countOf(results, "unsupported")} unsupported by the peer (–)`,
    `${countOf(results, "skipped")} skipped`,
  ].join(", ");
}

const distinct = (names: readonly string[]): string[] => [...new Set(names)];

function align(rows: readonly (readonly string[])[]): string[] {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  return rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column]!))
      .join("  ")
      .trimEnd(),
  );
}
