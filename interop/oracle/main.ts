/** `npm run oracle -- cookies|isolation|audit|wpt`: asks Chromium about the vectors of test/vectors, or records its verdicts; holds our rules to tests of others. */

import { parseArgs } from "node:util";
import { Skip } from "../result.ts";
import { audit } from "./audit/main.ts";
import { cookies } from "./cookies/main.ts";
import { isolation } from "./isolation/main.ts";
import type { OracleOptions } from "./options.ts";
import { wpt } from "./wpt/main.ts";

const ORACLES: Readonly<Record<string, (options: OracleOptions) => Promise<boolean>>> = {
  cookies,
  isolation,
  audit,
  wpt,
};

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    record: { type: "boolean", default: false },
    only: { type: "string", default: "" },
    source: { type: "string" },
  },
});
const [name = ""] = positionals;
const oracle = ORACLES[name];
if (oracle === undefined || positionals.length > 1) {
  process.stderr.write(
    `usage: npm run oracle -- ${Object.keys(ORACLES).join("|")} [--record] [--only PART] [--source DIR]\n`,
  );
  process.exit(2);
}
try {
  const agrees = await oracle({
    ...values,
    source: values.source,
    log: (line) => void process.stderr.write(`${line}\n`),
  });
  process.exitCode = agrees ? 0 : 1;
} catch (error) {
  if (!(error instanceof Skip)) throw error;
  process.stdout.write(`skipped: ${error.message}\n`);
}
