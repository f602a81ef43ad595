/** `npm run suites -- [NAME…] --source DIR [--version h1|h3]… [--failures] [--json FILE]` */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { createIdentities } from "../certificates.ts";
import { SUITES } from "./list/index.ts";
import { findSource, type Run, runSuite } from "./run.ts";
import type { Suite, Version } from "./suite.ts";
import { compare, type Verdict } from "./verdict.ts";

const USAGE = `usage: npm run suites -- [NAME…] --source DIR [--version h1|h3]… [--failures] [--json FILE]
DIR is a checkout, or holds one for each suite.
Suites: ${SUITES.map(({ name }) => name).join(", ")}
`;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    source: { type: "string" },
    version: { type: "string", multiple: true, default: ["h1", "h3"] },
    /** Prints each failure, not only unexpected ones. */
    failures: { type: "boolean", default: false },
    json: { type: "string" },
  },
});

function usage(problem: string): never {
  process.stderr.write(`${problem}\n${USAGE}`);
  process.exit(2);
}

const unknown = positionals.find((name) => !SUITES.some((suite) => suite.name === name));
if (unknown !== undefined) usage(`unknown suite ${unknown}`);
if (values.source === undefined) usage("--source is missing");
const wrong = values.version.find((version) => version !== "h1" && version !== "h3");
if (wrong !== undefined) usage(`unknown version ${wrong}`);

interface Row extends Verdict {
  readonly suite: string;
  readonly tag: string;
  readonly version: Version;
  readonly node: string;
  readonly end: string | undefined;
}

const rows: Row[] = [];
const folder = mkdtempSync(join(tmpdir(), "nagare-suites-"));
try {
  const identity = createIdentities(folder);
  for (const suite of SUITES.filter(({ name }) => positionals.length === 0 || positionals.includes(name))) {
    const source = findSource(suite, resolve(values.source));
    const http = await runSuite(suite, source, "none", identity);
    for (const version of values.version as Version[]) {
      const https = await runSuite(suite, source, { server: "https", version }, identity);
      const ours = await runSuite(suite, source, { server: "nagare", version }, identity);
      report(suite, version, ours, compare(suite, version, ours, http, https));
    }
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}

function report(suite: Suite, version: Version, { end }: Run, verdict: Verdict): void {
  const { name, tag } = suite;
  rows.push({ suite: name, tag, version, node: process.version, end, ...verdict });
  const { passed, failed, skipped, withHttp, withHttps, known, unexpected, stale, missing } = verdict;
  const print = (line: string): boolean => process.stdout.write(`${line}\n`);
  print(
    `${name} ${tag} over ${version}, Node ${process.version}: ${passed}/${passed + failed} passed, ${skipped} skipped; ` +
      `failed also with Node's http server ${withHttp.length}, also with its https server ${withHttps.length}, ` +
      `for a known cause ${known.length}, unexpectedly ${unexpected.length}`,
  );
  if (end !== undefined) print(`  ${end}`);
  const list = (mark: string, each: { test: string; error: string }): boolean =>
    print(`  ${mark} ${each.test}\n      ${each.error.split("\n").slice(0, 3).join(" ").slice(0, 300)}`);
  if (values.failures) {
    for (const each of withHttp) list("http", each);
    for (const each of withHttps) list("https", each);
    for (const each of known) list(`known (${each.cause})`, each);
  }
  for (const each of unexpected) list("✗", each);
  for (const test of missing) print(`  did not run: ${test}`);
  for (const test of stale) print(`  has a cause in the list, but does not fail: ${test}`);
}

if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify({ rows }, undefined, 2)}\n`);
// Servers of failed tests may keep a runner from ending.
const isBad = ({ unexpected, missing, failed, end }: Row): boolean =>
  unexpected.length + missing.length > 0 || (failed === 0 && end !== undefined);
process.exit(rows.some(isBad) ? 1 : 0);
