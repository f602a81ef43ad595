// The report for people: findings by severity, each with its evidence in one line and its fix.
import type { AuditFacts, Finding, Severity } from "../../agent/audit/index.ts";
import { printable } from "../../wire/printable.ts";
import { colorsFor, type Io } from "../io.ts";

const MARKS: Readonly<Record<Severity, string>> = { error: "✗", warning: "!", info: "·" };

export function reportText({ documents, resources, url }: AuditFacts, findings: readonly Finding[], io: Io): string {
  const colors = colorsFor(io.stdout, io.env);
  const paint = { error: colors.red, warning: colors.yellow, info: colors.dim };
  const page = documents[0]?.response;
  const over = page === undefined ? "not loaded" : `${page.status} over ${page.protocol}`;
  const lines = [
    `${colors.bold(printable(page?.url ?? url))}  ${printable(over)}, ${counted(documents.length - 1, "frame")}, ${counted(resources.length, "resource")}`,
    "",
  ];
  for (const { id, severity, message, fix } of findings) {
    lines.push(`${paint[severity](MARKS[severity])} ${printable(message)}`);
    lines.push(colors.dim(`  ${id}`));
    if (fix !== undefined) lines.push(`  → ${printable(fix)}`);
  }
  const count = (severity: Severity): number => findings.filter((each) => each.severity === severity).length;
  lines.push(
    "",
    [counted(count("error"), "error"), counted(count("warning"), "warning"), counted(count("info"), "note")].join(", "),
  );
  return lines.map((line) => `${line}\n`).join("");
}

const counted = (count: number, name: string): string => `${count} ${name}${count === 1 ? "" : "s"}`;
