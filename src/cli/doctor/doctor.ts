// `nagare doctor`: runs every check in checks.ts and prints one line for each.
import { EXIT, silentExit } from "../fail.ts";
import { type Colors, colorsFor, type Io, write } from "../io.ts";
import type { CheckResult, CheckVerdict } from "./check.ts";
import { CHECKS } from "./checks.ts";

export async function doctor(flags: { readonly json?: true }, io: Io): Promise<void> {
  const colors = colorsFor(io.stdout, io.env);
  const width = Math.max(...CHECKS.map(({ name }) => name.length));
  let failed = false;
  for (const { name, run } of CHECKS) {
    const result = await run(io.env).catch(asFailure);
    failed ||= result.verdict === "failed";
    const line = flags.json ? JSON.stringify({ name, ...result }) : lineFor(name.padEnd(width), result, colors);
    await write(io.stdout, `${line}\n`);
  }
  if (failed) throw silentExit(EXIT.failed);
}

const asFailure = (error: unknown): CheckResult => ({
  verdict: "failed",
  detail: error instanceof Error ? error.message : String(error),
});

function lineFor(name: string, { verdict, detail, advice }: CheckResult, colors: Colors): string {
  const line = `${mark(verdict, colors)} ${name}  ${detail}`;
  return advice === undefined ? line : `${line}\n  ${" ".repeat(name.length)}  ${colors.dim(advice)}`;
}

function mark(verdict: CheckVerdict, colors: Colors): string {
  if (verdict === "ok") return colors.green("✓");
  return verdict === "failed" ? colors.red("✗") : colors.yellow("–");
}
