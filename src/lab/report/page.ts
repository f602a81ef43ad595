/** A page with the claims, plots and tables of all experiments. It is one file without scripts or requests. */

import type { Claim, Column, Experiment, Part, Result, Row } from "../experiment.ts";
import { describeSetup, formatCell, formatTitle } from "../format.ts";
import { plotDocument } from "../plot/document.ts";
import { escapeXml } from "../plot/svg.ts";
import { STYLE } from "./style.ts";

export interface Finding {
  readonly experiment: Experiment;
  readonly result: Result;
}

export function reportPage(findings: readonly Finding[]): string {
  const body = [
    "<h1>Nagare: experiments</h1>",
    "<p>Claims of RFCs and papers about transport protocols, measured with Nagare’s own stack in a simulated network in virtual " +
      "time. The same seed gives the same figures on every machine.</p>",
    table(
      ["", "experiment", "claims met", "command"],
      findings.map(({ experiment: { name, title }, result: { seed, claims } }) => [
        mark(claims.every(({ met }) => met)),
        `<a href="#${name}">${escapeXml(title)}</a>`,
        `${claims.filter(({ met }) => met).length} of ${claims.length}`,
        `<code>${commandOf(name, seed)}</code>`,
      ]),
    ),
    ...findings.map(section),
  ];
  return [
    "<!doctype html>",
    '<html lang="en">',
    '<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">',
    `<title>Nagare: experiments</title><style>${STYLE}</style></head>`,
    `<body><main>\n${body.join("\n")}\n</main></body>`,
    "</html>\n",
  ].join("\n");
}

const commandOf = (name: string, seed: number): string => `nagare lab run ${name} --seed ${seed}`;

const section = ({ experiment, result }: Finding): string =>
  [
    `<section id="${experiment.name}"><h2>${escapeXml(experiment.title)}</h2>`,
    "<h3>Claims</h3>",
    table(["", "claim", "source", "theirs", "ours"], result.claims.map(claimCells)),
    ...experiment.parts.map((part) => partSection(part, result.rows)),
    "</section>",
  ].join("\n");

const claimCells = ({ met, name, source, theirs, ours }: Claim): readonly string[] => [
  mark(met),
  ...[name, source, theirs, ours].map(escapeXml),
];

const mark = (met: boolean): string =>
  met ? '<span class="met" title="met">✓</span>' : '<span class="missed" title="not met">✗</span>';

function partSection(part: Part, all: readonly Row[]): string {
  const rows = all.filter((row) => row.part === part.name);
  if (rows.length === 0) return "";
  const plots = part.plots.map((spec) => `<figure>${plotDocument(part, spec, rows)}</figure>`);
  const columns: Readonly<Record<string, Column>> = { ...part.parameters, ...part.figures };
  return [
    `<h3>${escapeXml(part.title)}</h3><p>${escapeXml(describeSetup(part))}</p>`,
    ...plots,
    `<details><summary>The table (${rows.length} rows)</summary>`,
    table(
      Object.values(columns).map((column) => escapeXml(formatTitle(column))),
      rows.map((row) =>
        Object.entries(columns).map(([name, column]) => {
          const text = escapeXml(formatCell(name, column, row));
          return typeof row[name] === "string" ? text : `<span class="number">${text}</span>`;
        }),
      ),
    ),
    "</details>",
  ].join("\n");
}

/** Cells and headings are HTML. */
const table = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  [
    '<div class="wide"><table>',
    `<thead><tr>${head.map((cell) => `<th>${cell}</th>`).join("")}</tr></thead>`,
    "<tbody>",
    ...rows.map((cells) => `<tr>${cells.map((cell) => `<td>${cell}</td>`).join("")}</tr>`),
    "</tbody></table></div>",
  ].join("\n");
