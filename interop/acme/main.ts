/** `npm run acme -- [--case C]…`: certificates from Pebble, built with Go on first use. */

import { parseArgs } from "node:util";
import { Skip } from "../result.ts";
import { ACME_CASES } from "./cases.ts";
import { Pebble } from "./pebble.ts";

const { values } = parseArgs({ options: { case: { type: "string", multiple: true } } });
const print = (line: string): void => void process.stdout.write(`${line}\n`);
const known = ACME_CASES.map(({ name }) => name);
const unknown = values.case?.find((name) => !known.includes(name));
if (unknown !== undefined) {
  process.stderr.write(`unknown case ${unknown}; known are ${known.join("; ")}\n`);
  process.exit(2);
}
let failed = 0;
try {
  for (const { name, externalAccounts, run } of ACME_CASES) {
    if (values.case !== undefined && !values.case.includes(name)) continue;
    await using pebble = await Pebble.start(print, { externalAccounts: externalAccounts === true });
    const outcome = await run(pebble).then(
      (line) => ({ mark: "✓", line }),
      (error: Error) => ({ mark: "✗", line: error.message }),
    );
    if (outcome.mark === "✗") failed += 1;
    print(`${outcome.mark} ${name.padEnd(26)} ${outcome.line}`);
  }
} catch (error) {
  if (!(error instanceof Skip)) throw error;
  print(`skipped: ${error.message}`);
}
process.exit(failed === 0 ? 0 : 1);
