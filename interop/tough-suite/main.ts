/** `npm run tough-suite -- --source DIR [--failures]`: tough-cookie's own tests with `nagare/cookies/tough` in its place. */

import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { causeOf, KNOWN } from "./known.ts";

interface VitestReport {
  readonly testResults: readonly {
    readonly name: string;
    readonly assertionResults: readonly {
      readonly fullName: string;
      readonly status: string;
      readonly failureMessages?: readonly string[];
    }[];
  }[];
}

const { values } = parseArgs({
  options: { source: { type: "string" }, failures: { type: "boolean", default: false } },
});
if (values.source === undefined) {
  process.stderr.write(
    "usage: npm run tough-suite -- --source DIR [--failures]\nDIR is a checkout of salesforce/tough-cookie\n",
  );
  process.exit(2);
}
const source = resolve(values.source);
const root = process.cwd();
const folder = mkdtempSync(join(tmpdir(), "nagare-tough-"));
try {
  const config = join(folder, "vitest.config.mjs");
  const output = join(folder, "report.json");
  // Imports of their sources become imports of ours; only the tests' own helpers stay.
  writeFileSync(
    config,
    `export default {
      root: ${JSON.stringify(source)},
      test: { include: ["lib/__tests__/*.spec.ts"], globals: true },
      resolve: { alias: { vitest: ${JSON.stringify(join(root, "node_modules/vitest/dist/index.js"))} } },
      plugins: [{ name: "ours", enforce: "pre", resolveId: (id, from) =>
        from?.includes("/lib/__tests__/") && id.startsWith("../") && !id.endsWith("utils.js")
          ? ${JSON.stringify(join(root, "dist/cookies/tough/index.js"))} : undefined }],
    };`,
  );
  const vitest = join(root, "node_modules/vitest/vitest.mjs");
  const { stderr } = spawnSync(
    process.execPath,
    [vitest, "run", "--config", config, "--reporter=json", `--outputFile=${output}`],
    { cwd: source, encoding: "utf8" },
  );
  const report = JSON.parse(readFileSync(output, "utf8")) as VitestReport;
  const tests = report.testResults.flatMap(({ assertionResults }) => assertionResults);
  if (tests.length === 0) throw new Error(`no test ran: ${stderr}`);
  const failed = tests.filter(({ status }) => status === "failed");
  const unknown = failed.filter(({ fullName }) => causeOf(fullName) === undefined);
  const print = (line: string): boolean => process.stdout.write(`${line}\n`);
  const passed = tests.filter(({ status }) => status === "passed").length;
  print(
    `tough-cookie's tests: ${passed} of ${tests.length} passed, ${failed.length - unknown.length} failed for a known cause, ${unknown.length} unexpectedly`,
  );
  for (const { why, tests: names } of KNOWN) {
    const count = failed.filter(({ fullName }) => names.some((name) => fullName.includes(name))).length;
    print(`  ${count} × ${why}`);
  }
  for (const { fullName, failureMessages = [] } of values.failures ? failed : unknown) {
    print(
      `  ${causeOf(fullName) === undefined ? "✗" : "known"} ${fullName}\n      ${failureMessages[0]?.split("\n").slice(0, 2).join(" ").slice(0, 200)}`,
    );
  }
  process.exitCode = unknown.length === 0 ? 0 : 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}
