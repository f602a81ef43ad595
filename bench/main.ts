/** `npm run bench -- NAME… [--rounds N] [--against CHECKOUT] [--only NAME] [--minutes N] [--clients N] [--size N] [--veth] [--json FILE] [--markdown FILE]` */

import { appendFileSync, writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import type { Bench } from "./bench.ts";
import { bpf } from "./bpf.ts";
import { certificates } from "./certificates.ts";
import { coldStart } from "./cold-start.ts";
import { connections } from "./connections.ts";
import { controllers } from "./controllers.ts";
import { cookies } from "./cookies.ts";
import { fairness } from "./fairness.ts";
import { frameworks } from "./frameworks.ts";
import { geofeed } from "./geofeed.ts";
import { h3Bulk } from "./h3-bulk.ts";
import { h3Requests } from "./h3-requests.ts";
import { handshakes } from "./handshakes.ts";
import { hostile } from "./hostile.ts";
import { httpAttacks } from "./http-attacks.ts";
import { idle } from "./idle.ts";
import { latency } from "./latency.ts";
import { leaks } from "./leaks.ts";
import { lossy } from "./lossy.ts";
import { memcache } from "./memcache.ts";
import { memory } from "./memory.ts";
import { packetProtection } from "./packet-protection.ts";
import { proxy } from "./proxy.ts";
import { reload } from "./reload.ts";
import { checkTargets, describeMachine, markdown, print } from "./report.ts";
import { simulator } from "./simulator.ts";
import { soak } from "./soak.ts";
import { webtransport } from "./webtransport.ts";

const BENCHES: Readonly<Record<string, Bench>> = {
  bpf,
  "h3-bulk": h3Bulk,
  "h3-requests": h3Requests,
  proxy,
  handshakes,
  connections,
  lossy,
  latency,
  idle,
  leaks,
  frameworks,
  memcache,
  memory,
  hostile,
  "http-attacks": httpAttacks,
  soak,
  "cold-start": coldStart,
  certificates,
  controllers,
  cookies,
  fairness,
  geofeed,
  simulator,
  "packet-protection": packetProtection,
  reload,
  webtransport,
};

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: "string" },
    against: { type: "string" },
    only: { type: "string" },
    minutes: { type: "string" },
    clients: { type: "string" },
    size: { type: "string" },
    json: { type: "string" },
    markdown: { type: "string" },
    veth: { type: "boolean", default: false },
  },
});

const [name] = positionals;
const bench = BENCHES[name ?? ""];
const numberOf = (given: string | undefined): number | undefined => (given === undefined ? undefined : Number(given));
const [rounds, minutes, clients, size] = [values.rounds, values.minutes, values.clients, values.size].map(numberOf);
const isPositive = [rounds, minutes, clients, size].every((value) => value === undefined || value >= 1);
if (bench === undefined || positionals.length > 1 || !isPositive) {
  process.stderr.write(
    `usage: npm run bench -- NAME [--rounds N] [--against CHECKOUT] [--only NAME] [--minutes N] [--clients N] [--size N] [--veth] [--json FILE] [--markdown FILE]\nNAME: ${Object.keys(BENCHES).join(", ")}\n`,
  );
  process.exit(2);
}
if (process.platform !== "linux") {
  process.stderr.write("the benchmarks need /proc and run only on Linux\n");
  process.exit(2);
}

const machine = describeMachine();
const { against, only, veth } = values;
const log = (line: string): unknown => process.stderr.write(`${line}\n`);
const report = await bench({ rounds, against, only, minutes, clients, size, veth, log });
process.stdout.write(`${print(machine, report)}\n`);
if (values.json !== undefined) {
  const { rows, ratios, intervals = {}, remarks } = report;
  writeFileSync(values.json, `${JSON.stringify({ machine, rows, ratios, intervals, remarks }, undefined, 2)}\n`);
}
if (values.markdown !== undefined) {
  const { markdown: file } = values;
  const args = process.argv.slice(2).join(" ").replace(` --markdown ${file}`, "");
  const command = `npm run bench -- ${args}`;
  appendFileSync(file, `${markdown(args.replace(/ --rounds \d+/, ""), command, machine, report)}\n`);
}
// A target without a measurement, because a peer is missing, is reported above and is not a failure.
process.exit(checkTargets(report).some(({ met, value }) => !met && value !== undefined) ? 1 : 0);
