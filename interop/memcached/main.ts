/** `npm run memcached -- differential|suite|chaos [options]`: our memcached proxy beside memcached's own. */

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { LONGEST, runChaos } from "./chaos.ts";
import { runDifferential } from "./differential.ts";
import { causeOf, runSuite } from "./suite.ts";

const USAGE = `usage: npm run memcached -- differential --memcached PROGRAM [--commands 100000] [--seed 1] [--json FILE]
       npm run memcached -- chaos --memcached PROGRAM [--seconds 600] [--seed 1] [--json FILE]
       npm run memcached -- suite --source DIR [FILE…]
DIR is memcached 1.6.38's source, configured with --enable-proxy and built with "make memcached-debug timedrun sizes".
PROGRAM is memcached 1.6.38 with its proxy (./configure --enable-proxy).
`;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    memcached: { type: "string" },
    source: { type: "string" },
    commands: { type: "string", default: "100000" },
    seed: { type: "string", default: "1" },
    seconds: { type: "string", default: "600" },
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
  const programs = { memcached: values.memcached ?? "memcached" };
  if (positionals[0] === "suite") {
    if (values.source === undefined) usage("--source is missing");
    let unexpected = 0;
    const total = { passed: 0, failed: 0 };
    await runSuite(resolve(values.source), positionals.slice(1), folder, ({ file, passed, failed, notes }) => {
      total.passed += passed;
      total.failed += failed.length;
      print(`${file}: ${passed} passed, ${failed.length} failed${notes.map((note) => `; ${note}`).join("")}`);
      for (const name of failed) {
        const cause = causeOf(file, name);
        if (cause === undefined) unexpected += 1;
        print(`  ${cause === undefined ? "!" : "-"} ${name}: ${cause ?? "unexpected"}`);
      }
    });
    print(`${total.passed} passed, ${total.failed} failed, of these unexpectedly ${unexpected}`);
    process.exitCode = unexpected === 0 ? 0 : 1;
  } else if (values.memcached === undefined) usage("--memcached is missing");
  else if (positionals[0] === "differential") {
    const result = await runDifferential(programs, Number(values.commands), Number(values.seed), folder, print);
    for (const { round, command, theirs, ours } of result.differences.slice(0, 40)) {
      const short = (text: string): string => JSON.stringify(text.length > 400 ? `${text.slice(0, 400)}…` : text);
      print(`round ${round}: ${short(command)}\n  theirs ${short(theirs)}\n  ours   ${short(ours)}`);
    }
    const { commands, rounds, keys, differences } = result;
    print(`${commands} commands in ${rounds} rounds, ${keys} keys on backends: ${differences.length} differences`);
    if (values.json !== undefined) writeFileSync(values.json, JSON.stringify(result, undefined, 1));
    process.exitCode = differences.length === 0 ? 0 : 1;
  } else if (positionals[0] === "chaos") {
    const result = await runChaos(programs, Number(values.seconds), Number(values.seed), folder, print);
    const { requests, failed, hits, troubles, slowest, memory, wrong, lost } = result;
    for (const line of [...wrong, ...lost].slice(0, 40)) print(line);
    const quarter = Math.max(1, Math.floor(memory.length / 4));
    const mean = (from: number): number =>
      Math.round(
        memory
          .slice(from)
          .slice(0, quarter)
          .reduce((a, b) => a + b, 0) / quarter,
      );
    print(
      `${requests} requests (${hits} hits, ${failed} failed) during ${troubles} troubles: ${wrong.length} wrong answers, ` +
        `${lost.length} acknowledged writes lost, slowest ${slowest} ms (limit ${LONGEST}), ` +
        `memory ${mean(quarter)} kB in the second quarter, ${mean(memory.length - quarter)} kB in the last`,
    );
    if (values.json !== undefined) writeFileSync(values.json, JSON.stringify(result, undefined, 1));
    process.exitCode = wrong.length + lost.length === 0 && slowest <= LONGEST ? 0 : 1;
  } else usage("the first argument is differential, suite or chaos");
} finally {
  rmSync(folder, { recursive: true, force: true });
}
