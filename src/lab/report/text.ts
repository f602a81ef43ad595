/** A result as plain text: one table per part, then the claims. */

import { wrap } from "../../wire/wrap.ts";
import type { Claim, Column, Experiment, Part, Result, Row } from "../experiment.ts";
import { describeSetup, formatCell } from "../format.ts";

const WIDTH = 100;
/** Longer titles of columns continue on the next line. */
const TITLE_WIDTH = 12;

export function resultLines(experiment: Experiment, { seed, rows, claims }: Result): string[] {
  return [
    `${experiment.title} (${experiment.name}, seed ${seed})`,
    ...experiment.parts.flatMap((part) => partLines(part, rows)),
    "",
    "Claims",
    ...claims.flatMap((claim) => ["", ...claimLines(claim)]),
  ];
}

function partLines(part: Part, all: readonly Row[]): string[] {
  const rows = all.filter((row) => row.part === part.name);
  if (rows.length === 0) return [];
  return [
    "",
    part.title,
    "",
    ...wrap(describeSetup(part), WIDTH),
    "",
    ...tableLines({ ...part.parameters, ...part.figures }, rows),
  ];
}

/** A table whose lines do not depend on other rows, except for the widths of columns. */
export function tableLines(columns: Readonly<Record<string, Column>>, rows: readonly Row[]): string[] {
  const blocks = Object.entries(columns).map(([name, column]) => {
    const head = [...wrap(column.title, TITLE_WIDTH), ...(column.unit === undefined ? [] : [`(${column.unit})`])];
    const cells = rows.map((row) => formatCell(name, column, row));
    const width = Math.max(...[...head, ...cells].map(({ length }) => length));
    const isText = rows.some((row) => typeof row[name] === "string");
    const align = (text: string): string => (isText ? text.padEnd(width) : text.padStart(width));
    return { head, cells, align, width };
  });
  const height = Math.max(...blocks.map(({ head }) => head.length));
  const line = (texts: readonly string[]): string => texts.join("  ").trimEnd();
  const heads = Array.from({ length: height }, (_, i) =>
    // Titles end on the same line.
    line(blocks.map(({ head, align }) => align(head[i - (height - head.length)] ?? ""))),
  );
  const body = rows.map((_, i) => line(blocks.map(({ cells, align }) => align(cells[i]!))));
  return [...heads, line(blocks.map(({ width }) => "─".repeat(width))), ...body];
}

const claimLines = ({ name, source, theirs, ours, met }: Claim): string[] => [
  `${met ? "✓" : "✗"} ${name}`,
  ...[`source  ${source}`, `theirs  ${theirs}`, `ours    ${ours}`].flatMap((text) =>
    wrap(text.slice(8), WIDTH - 10).map((line, i) => `  ${i === 0 ? text.slice(0, 8) : " ".repeat(8)}${line}`),
  ),
];
