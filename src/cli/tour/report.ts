// Prints a row of the tour for people: no line is wider than the terminal, and commands can be copied.
import { wrap } from "../../wire/wrap.ts";
import { duration } from "../get/units.ts";
import type { Colors } from "../io.ts";
import type { RowReport } from "./row.ts";

export interface Layout {
  readonly colors: Colors;
  /** Columns of the terminal. */
  readonly width: number;
  /** Length of the longest system title. */
  readonly titleWidth: number;
  /** Length of the longest peer name. */
  readonly peerWidth: number;
}

/** `isFirst` is true for a system's first row, which starts with the system's title. */
export function reportLines(report: RowReport, isFirst: boolean, layout: Layout): string[] {
  const { colors, width, titleWidth, peerWidth } = layout;
  const { title, against, outcome, milliseconds, command, detail } = report;
  if (outcome === "not built") return [colors.dim(`· ${title.padEnd(titleWidth)}  not built`)];
  const time = (milliseconds === null ? "" : duration(milliseconds)).padStart(7);
  const indent = 2 + peerWidth + 2 + time.length + 2;
  const text = outcome === "no peer here" ? `no peer here (${detail})` : detail;
  const paint = { ok: (line: string) => line, failed: colors.red, "no peer here": colors.yellow }[outcome];
  const mark = { ok: colors.green("✓"), failed: colors.red("✗"), "no peer here": "–" }[outcome];
  const [first = "", ...others] = wrap(text, width - indent);
  const commands = outcome === "no peer here" || command === null ? [] : commandLines(command, width - 2);
  return [
    ...(isFirst ? [colors.bold(title)] : []),
    `${mark} ${against.padEnd(peerWidth)}  ${time}  ${paint(first)}`,
    ...others.map((line) => `${" ".repeat(indent)}${paint(line)}`),
    ...commands.map((line) => `  ${colors.dim(line)}`),
  ];
}

/** One line per command. A command that is too wide continues after a backslash, as in a shell. */
function commandLines(text: string, width: number): string[] {
  return text.split("; ").flatMap((command) => {
    const lines = wrap(command, width - 4);
    return lines.map((line, i) => `${i === 0 ? "" : "  "}${line}${i === lines.length - 1 ? "" : " \\"}`);
  });
}
