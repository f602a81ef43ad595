/** Results as a table: a row per case, a column per peer and role. */

import { columnOf, markOf, type Result, summary } from "./result.ts";

export function matrix(results: readonly Result[]): string {
  const columns = distinct(results.map(columnOf));
  const cases = distinct(results.map((result) => result.case));
  const rows = cases.map((name) => [
    name,
    ...columns.map((column) => {
      const cell = results.find((result) => result.case === name && columnOf(result) === column);
      return cell === undefined ? "" : markOf(cell);
    }),
  ]);
  return [...align([["", ...columns], ...rows]), "", summary(results)].join("\n");
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
