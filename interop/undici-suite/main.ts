/**
 * `npm run undici-suite -- --source DIR [--node PATH] [--fetch own|global] [--over NAME]… [--only FILE]… [--jobs N]
 * [--timeout MS] [--json FILE]`
 *
 * Runs the chosen files of undici's own fetch tests with undici's agent and with ours, and compares each test.
 */
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { causeOf } from "./causes.ts";
import { FILES, SKIPPED } from "./files.ts";
import { type FetchName, OVER, type Over, runFile } from "./run-file.ts";
import { VERDICTS, type Verdict, verdictOf } from "./verdict.ts";

interface TestResult {
  readonly file: string;
  readonly name: string;
  readonly over: Over;
  readonly verdict: Verdict;
  readonly detail: string;
}

const { values } = parseArgs({
  options: {
    /** A checkout of undici whose development dependencies can be resolved. */
    source: { type: "string", default: "" },
    node: { type: "string", default: process.execPath },
    fetch: { type: "string", default: "own" },
    over: { type: "string", multiple: true },
    only: { type: "string", multiple: true },
    jobs: { type: "string", default: "2" },
    timeout: { type: "string", default: "60000" },
    json: { type: "string" },
  },
});

const source = resolve(values.source);
if (!existsSync(join(source, "test/fetch"))) {
  process.stderr.write("give --source: a checkout of undici, with its development dependencies\n");
  process.exit(2);
}
const { node } = values;
const overs = OVER.filter((over) => over !== "undici" && (values.over ?? OVER).includes(over));
const options = { source, node, fetch: values.fetch as FetchName, timeout: Number(values.timeout) };
const results: TestResult[] = [];
const waiting = [...(values.only ?? FILES)];

async function work(): Promise<void> {
  for (let file = waiting.shift(); file !== undefined; file = waiting.shift()) {
    const baseline = await runFile(file, "undici", options);
    if (baseline === undefined) continue;
    for (const over of overs) {
      const ours = (await runFile(file, over, options))!;
      for (const test of baseline) {
        const mine = ours.find(({ name }) => name === test.name);
        const verdict = verdictOf(file, over, test, mine);
        if (verdict === undefined) continue;
        const detail = mine?.detail ?? ours.at(-1)!.detail;
        const result = { file, name: test.name, over, verdict, detail: verdict === "both" ? test.detail : detail };
        results.push(result);
        if (verdict !== "pass") print(result);
      }
    }
  }
}

function print({ file, name, over, verdict, detail }: TestResult): void {
  const reason = (causeOf(file, name, over) ?? detail).replace(/\s*\n\s*/g, " | ");
  process.stdout.write(`${verdict.padEnd(11)} ${over.padEnd(8)} ${file}: ${name}: ${reason}\n`);
}

await Promise.all(Array.from({ length: Number(values.jobs) }, work));

const verdicts = Object.keys(VERDICTS) as Verdict[];
const count = (over: Over, verdict: Verdict): number =>
  results.filter((result) => result.over === over && result.verdict === verdict).length;
const version = execFileSync(node, ["--version"], { encoding: "utf8" }).trim();
const { version: undici } = JSON.parse(readFileSync(join(source, "package.json"), "utf8")) as { version: string };
process.stdout.write(`\nNode ${version}, the tests of undici ${undici}, ${options.fetch} fetch\n\n`);
process.stdout.write(`| over | ${verdicts.map((verdict) => VERDICTS[verdict]).join(" | ")} |\n`);
process.stdout.write(`| --- |${" ---: |".repeat(verdicts.length)}\n`);
for (const over of overs) {
  process.stdout.write(`| ${over} | ${verdicts.map((verdict) => count(over, verdict)).join(" | ")} |\n`);
}
const skipped = Object.values(SKIPPED).flat().length;
process.stdout.write(`\n${skipped} further files are not run; interop/undici-suite/files.ts has the reasons.\n`);
if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify({ version, results }, undefined, 2)}\n`);
process.exit(overs.some((over) => count(over, "new") > 0) ? 1 : 0);
