/** `npm run memcached -- differential|suite|chaos [options]`: our memcached proxy beside memcached's own. */

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { runDifferential } from "./differential.ts";

const USAGE = `usage: npm run memcached -- differential --memcached PROGRAM [--commands 100000] [--seed 1] [--json FILE]
PROGRAM is memcached 1.6.38 with its proxy (./configure --enable-proxy).
`;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    memcached: { type: "string" },
    commands: { type: "string", default: "100000" },
    seed: { type: "string", default: "1" },
    json: { type: "string" },
  },
});

function usage(problem: string): never {
  process.stderr.write(`${problem}\n${USAGE}`);
  process.exit(2);
}

const print = (line: string): void => void process.stdout.write(`${line}\n`);
const folder = mkdtempSync(join(tmpdir(), "nagare-memcached-"));
try {
  if (values.memcached === undefined) usage("--memcached is missing");
  const programs = { memcached: values.memcached };
  if (positionals[0] === "differential") {
    const result = await runDifferential(programs, Number(values.commands), Number(values.seed), folder, print);
    for (const { round, command, theirs, ours } of result.differences.slice(0, 40)) {
      const short = (text: string): string => JSON.stringify(text.length > 400 ? `${text.slice(0, 400)}…` : text);
      print(`round ${round}: ${short(command)}\n  theirs ${short(theirs)}\n  ours   ${short(ours)}`);
    }
    const { commands, rounds, keys, differences } = result;
    print(`${commands} commands in ${rounds} rounds, ${keys} keys on backends: ${differences.length} differences`);
    if (values.json !== undefined) writeFileSync(values.json, JSON.stringify(result, undefined, 1));
    process.exitCode = differences.length === 0 ? 0 : 1;
  } else usage("the first argument is differential");
} finally {
  rmSync(folder, { recursive: true, force: true });
}
