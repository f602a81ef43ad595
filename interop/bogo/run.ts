/** Builds the runner with our addition, and runs it with our shim. */

import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { DISABLED } from "./disabled.ts";
import { ERRORS } from "./errors.ts";
import type { Source } from "./page.ts";
import { type Outcomes, readOutcomes } from "./report.ts";

/** Go sources are not compiled with these tools, which run from dist-tools/interop/bogo. */
const ADDITION = fileURLToPath(new URL("../../../interop/bogo/over_quic.go", import.meta.url));
const SHIM = fileURLToPath(new URL("shim.js", import.meta.url));

/** Where the runner has all its tests, and has checked them. */
const ANCHOR = "\n\tcheckTests()\n";

/** Compiles the runner outside of its checkout, which stays as it is. */
export async function buildRunner(go: string, runner: string, folder: string): Promise<string> {
  const source = readFileSync(join(runner, "runner.go"), "utf8");
  if (source.split(ANCHOR).length !== 2) throw new Error("this runner.go has no single call of checkTests");
  const patched = join(folder, "runner.go");
  writeFileSync(patched, source.replace(ANCHOR, `${ANCHOR}\ttestCases = overQUIC(testCases)\n`));
  const overlay = join(folder, "overlay.json");
  const Replace = { [join(runner, "runner.go")]: patched, [join(runner, "nagare_over_quic.go")]: ADDITION };
  writeFileSync(overlay, JSON.stringify({ Replace }));
  const program = join(folder, "runner.test");
  const child = spawn(go, ["test", "-c", "-overlay", overlay, "-o", program, "."], { cwd: runner, stdio: "inherit" });
  const [code] = await once(child, "close");
  if (code !== 0) throw new Error("the runner does not compile");
  return program;
}

/** The commit of the checkout. */
export async function sourceOf(folder: string): Promise<Source> {
  const format = ["log", "-1", "--format=%H %cs"];
  const { stdout } = await promisify(execFile)("git", format, { cwd: folder }).catch(() => ({
    stdout: "unknown unknown",
  }));
  const [revision, date] = stdout.trim().split(" ");
  return { revision: revision!, date: date! };
}

export interface RunSettings {
  readonly program: string;
  readonly runner: string;
  readonly folder: string;
  /** Globs, separated by semicolons; empty for all tests. */
  readonly pattern: string;
  readonly workers: number;
}

export async function runTests({ program, runner, folder, pattern, workers }: RunSettings): Promise<Outcomes> {
  const config = join(folder, "config.json");
  // Our server sends its ticket after the handshake.
  writeFileSync(config, JSON.stringify({ DisabledTests: DISABLED, ErrorMap: ERRORS, HalfRTTTickets: 0 }));
  const shim = join(folder, "shim");
  writeFileSync(shim, `#!/bin/sh\nexec '${process.execPath}' '${SHIM}' "$@"\n`);
  chmodSync(shim, 0o755);
  const log = join(folder, "log");
  const temporary = join(folder, "tmp");
  mkdirSync(temporary);
  const args = [
    ...["-test.run", "TestAll", "-test.timeout", "0", "-pipe", "-allow-unimplemented"],
    ...["-shim-path", shim, "-shim-config", config, "-num-workers", String(workers)],
    ...(pattern === "" ? [] : ["-test", pattern]),
  ];
  const child = spawn(program, args, {
    cwd: runner,
    stdio: ["ignore", "pipe", "inherit"],
    env: {
      ...process.env,
      TMPDIR: temporary,
      NAGARE_BOGO_LOG: log,
      NODE_COMPILE_CACHE: join(folder, "compiled"),
    },
  });
  let output = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (output += text));
  await once(child, "close");
  const outcomes = readOutcomes(output, existsSync(log) ? readFileSync(log, "utf8") : "");
  // With a pattern, the runner itself leaves the other tests out.
  return pattern === "" ? outcomes : { ...outcomes, missing: [] };
}
