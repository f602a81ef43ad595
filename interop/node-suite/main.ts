/**
 * `npm run node-suite -- --source DIR [--node PATH] [--only NAME]… [--quick] [--jobs N] [--timeout MS] [--json FILE]`
 *
 * Runs the chosen files of Node's own tests with our server, and with node:https under the same redirection; with
 * --quick, the latter only for files that fail with ours.
 */
import { execFileSync } from "node:child_process";
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { causeOf } from "./causes.ts";
import { FILES, SKIPPED } from "./files.ts";
import { type FileRun, runFile } from "./run-file.ts";
import { VERDICTS, type Verdict, verdictOf } from "./verdict.ts";

interface FileResult {
  readonly name: string;
  readonly verdict: Verdict;
  readonly ours: FileRun;
  readonly node: FileRun;
}

const { values } = parseArgs({
  options: {
    /** A folder that contains Node's `test`. */
    source: { type: "string" },
    node: { type: "string", default: process.execPath },
    only: { type: "string", multiple: true },
    quick: { type: "boolean", default: false },
    jobs: { type: "string", default: "2" },
    timeout: { type: "string", default: "30000" },
    json: { type: "string" },
  },
});

const { source = "", node } = values;
if (!existsSync(join(source, "test/parallel"))) {
  process.stderr.write("give --source: a folder that contains test/parallel and test/common of Node's sources\n");
  process.exit(2);
}

const options = { source, node, timeout: Number(values.timeout) };
const results: FileResult[] = [];
const waiting = [...(values.only ?? FILES)];

async function work(): Promise<void> {
  for (let name = waiting.shift(); name !== undefined; name = waiting.shift()) {
    const ours = await runFile(name, "ours", options);
    const isDone = values.quick && ours.outcome !== "fail";
    const baseline = isDone ? ours : await runFile(name, "node", options);
    const haveFailed = ours.outcome === "fail" && baseline.outcome === "fail";
    const untouched = haveFailed ? await runFile(name, "untouched", options) : undefined;
    const result = { name, verdict: verdictOf(name, ours, baseline, untouched), ours, node: baseline };
    results.push(result);
    if (result.verdict !== "pass") print(result);
  }
}

function print({ name, verdict, ours, node }: FileResult): void {
  const detail = verdict === "ours only" ? node.detail : ours.detail;
  process.stdout.write(`${verdict.padEnd(11)} ${name}: ${causeOf(name) ?? detail}\n`);
}

await Promise.all(Array.from({ length: Number(values.jobs) }, work));

const count = (verdict: Verdict): number => results.filter((result) => result.verdict === verdict).length;
const version = execFileSync(node, ["--version"], { encoding: "utf8" }).trim();
process.stdout.write(`\nNode ${version}: ${results.length} files\n\n| files | result |\n| ---: | --- |\n`);
for (const [verdict, text] of Object.entries(VERDICTS)) {
  const files = count(verdict as Verdict);
  if (files > 0) process.stdout.write(`| ${files} | ${text} |\n`);
}
const skipped = Object.values(SKIPPED).flat().length;
process.stdout.write(`\n${skipped} further files are not run; interop/node-suite/files.ts has the reasons.\n`);
if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify({ version, results }, undefined, 2)}\n`);
process.exit(count("new") + count("stale") > 0 ? 1 : 0);
