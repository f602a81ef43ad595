/** `npm run bogo -- --source DIR [--test PATTERN] [--workers N] [--failures] [--json FILE]` */

import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { findProgram } from "../../src/cli/find-program.ts";
import { renderPage } from "./page.ts";
import { summarize } from "./report.ts";
import { buildRunner, runTests, sourceOf } from "./run.ts";

const USAGE = `usage: npm run bogo -- --source DIR [--test PATTERN] [--workers N] [--failures] [--json FILE]
DIR is a checkout of BoringSSL. PATTERN is a list of globs, separated by semicolons. A run of all tests writes
docs/tls-conformance.md.
`;

/** Seen from dist-tools/interop/bogo. */
const PAGE = fileURLToPath(new URL("../../../docs/tls-conformance.md", import.meta.url));

const { values } = parseArgs({
  options: {
    source: { type: "string" },
    test: { type: "string", default: "" },
    workers: { type: "string", default: "2" },
    /** Prints what the runner says about each failure. */
    failures: { type: "boolean", default: false },
    json: { type: "string" },
  },
});

function stop(problem: string): never {
  process.stderr.write(`${problem}\n${USAGE}`);
  process.exit(2);
}

if (values.source === undefined) stop("--source is missing");
const runner = join(resolve(values.source), "ssl", "test", "runner");
if (!existsSync(join(runner, "runner.go")))
  stop(`${values.source} is no checkout of BoringSSL: it has no ssl/test/runner`);
const go = await findProgram(["go"], process.env);
if (go === undefined) stop("Go is not installed: BoringSSL's runner is written in it");
const workers = Number(values.workers);
if (!Number.isInteger(workers) || workers < 1) stop(`--workers ${values.workers} is not a positive number`);

const folder = mkdtempSync(join(tmpdir(), "nagare-bogo-"));
try {
  const program = await buildRunner(go, runner, folder);
  const outcomes = await runTests({ program, runner, folder, pattern: values.test, workers });
  if (values.failures) for (const { detail } of outcomes.failed) process.stdout.write(`${detail}\n`);
  process.stdout.write(summarize(outcomes));
  if (values.json !== undefined) writeFileSync(values.json, JSON.stringify(outcomes, undefined, 2));
  const isWhole = values.test === "" && outcomes.missing.length === 0;
  if (isWhole) writeFileSync(PAGE, renderPage(outcomes, await sourceOf(values.source)));
  const isGood = outcomes.failed.length === 0 && outcomes.missing.length === 0 && outcomes.passed.length > 0;
  process.exitCode = isGood ? 0 : 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}
