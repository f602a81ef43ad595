/** The report of a benchmark: figures by row, ratios by name, and whether they meet their targets. */

import { cpus, loadavg, release } from "node:os";

/** Figures by column name. */
export interface Row {
  readonly name: string;
  readonly figures: Readonly<Record<string, number | string>>;
}

export interface Target {
  /** The name of a ratio, or a row and a column as "row: column". */
  readonly of: string;
  readonly atMost: number;
}

export type Interval = readonly [low: number, high: number];

export interface Report {
  readonly rows: readonly Row[];
  readonly ratios: Readonly<Record<string, number>>;
  /** Of the ratios that have one. */
  readonly intervals?: Readonly<Record<string, Interval>>;
  readonly targets: readonly Target[];
  /** The reasons for missing rows. */
  readonly remarks: readonly string[];
}

export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly kernel: string;
  readonly node: string;
  /** The load average of the last minute at the start. If it exceeds the number of cores, the machine was busy. */
  readonly load: number;
  /** YYYY-MM-DD hh:mm, UTC. */
  readonly date: string;
}

export function describeMachine(): Machine {
  const all = cpus();
  const load = Math.round(loadavg()[0]! * 10) / 10;
  const date = new Date().toISOString().slice(0, 16).replace("T", " ");
  return { cpu: all[0]?.model ?? "?", cores: all.length, kernel: release(), node: process.version, load, date };
}

export interface Verdict extends Target {
  /** Undefined if it could not be measured. */
  readonly value: number | undefined;
  readonly met: boolean;
}

export const checkTargets = (report: Report): Verdict[] =>
  report.targets.map((target) => {
    const value = report.ratios[target.of] ?? figure(report, target.of);
    return { ...target, value, met: value !== undefined && value <= target.atMost };
  });

function figure({ rows }: Report, of: string): number | undefined {
  const row = rows.find(({ name }) => of.startsWith(`${name}: `));
  const value = row?.figures[of.slice(row.name.length + 2)];
  return typeof value === "number" ? value : undefined;
}

export function print(machine: Machine, report: Report): string {
  const { cpu, cores, kernel, node, load } = machine;
  const lines = [`${cpu}, ${cores} cores, Linux ${kernel}, Node ${node}, load ${load}`, "", ...table(report.rows)];
  const ratios = Object.entries(report.ratios).map(([name, value]) => {
    const interval = report.intervals?.[name];
    return `${name}: ${value}×${interval === undefined ? "" : ` (${interval.join("–")})`}`;
  });
  if (ratios.length > 0) lines.push("", ...ratios);
  const verdicts = checkTargets(report).map(({ of, atMost, value, met }) =>
    value === undefined ? `– ${of}: not measured` : `${met ? "✓" : "✗"} ${of}: ${value}, at most ${atMost}`,
  );
  if (verdicts.length > 0) lines.push("", ...verdicts);
  if (report.remarks.length > 0) lines.push("", ...report.remarks);
  return lines.join("\n");
}

function table(rows: readonly Row[]): string[] {
  const columns = [...new Set(rows.flatMap(({ figures }) => Object.keys(figures)))];
  const lines = [
    ["", ...columns],
    ...rows.map(({ name, figures }) => [name, ...columns.map((column) => `${figures[column] ?? ""}`)]),
  ];
  const widths = lines[0]!.map((_, i) => Math.max(...lines.map((line) => line[i]!.length)));
  return lines.map((line) =>
    line
      .map((cell, i) => (i === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!)))
      .join("  ")
      .trimEnd(),
  );
}

/** A section of RESULTS.md. */
export function markdown(title: string, command: string, machine: Machine, report: Report): string {
  const { cpu, cores, kernel, node, load, date } = machine;
  const columns = [...new Set(report.rows.flatMap(({ figures }) => Object.keys(figures)))];
  const verdicts = new Map(checkTargets(report).map((verdict) => [verdict.of, verdict]));
  const ratios = Object.entries(report.ratios).map(([name, value]) => {
    const verdict = verdicts.get(name);
    const interval = report.intervals?.[name]?.join("–") ?? "";
    const target = verdict === undefined ? "" : `≤ ${verdict.atMost} ${verdict.met ? "✓" : "✗"}`;
    return `| ${name} | ${value} | ${interval} | ${target} |`;
  });
  const others = [...verdicts.values()].filter(({ of }) => !(of in report.ratios));
  return [
    `## ${title}`,
    "",
    `\`${command}\``,
    "",
    `${date}; ${cpu}, ${cores} cores, load ${load}; Linux ${kernel}, Node ${node}${report.remarks.map((each) => `; ${each}`).join("")}.`,
    "",
    `| | ${columns.join(" | ")} |`,
    `| --- |${columns.map(() => " ---: |").join("")}`,
    ...report.rows.map(
      ({ name, figures }) => `| ${name} | ${columns.map((each) => figures[each] ?? "").join(" | ")} |`,
    ),
    ...(ratios.length === 0
      ? []
      : ["", "| ratio | median | interval | target |", "| --- | ---: | ---: | ---: |", ...ratios]),
    ...(others.length === 0
      ? []
      : [
          "",
          ...others.map(
            ({ of, value, atMost, met }) => `- ${of}: ${value ?? "not measured"}, at most ${atMost} ${met ? "✓" : "✗"}`,
          ),
        ]),
    "",
  ].join("\n");
}
