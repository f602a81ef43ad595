/** Random records of almost every type, in a zone file that we print and Knot reads: it must send what we printed. */

import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { isForKnot, randomRecords, zoneText } from "../../interop/dns/records.ts";
import { findProgram } from "../../src/cli/find-program.ts";
import { type AnyData, nameKey, parseRecord, printRecord, type ResourceRecord } from "../../src/dns/index.ts";
import { DnsResolver } from "../../src/host/dns/resolver.ts";
import { freePort } from "../../src/host/udp/free-port.ts";

const COUNT = 500;
const SEED = 14;
const knotd = await findProgram(["knotd"], process.env);
/** Knot lowers the case of names in data. */
const lowered = (data: AnyData): AnyData =>
  Object.fromEntries(
    Object.entries(data).map(([field, value]) => [
      field,
      typeof value === "string" && field !== "type" ? nameKey(value) : value,
    ]),
  ) as unknown as AnyData;

let directory: string;
let server: ChildProcess;
let resolver: DnsResolver;

const records: readonly ResourceRecord[] = randomRecords(COUNT, SEED, isForKnot);

beforeAll(async () => {
  if (knotd === undefined) return;
  directory = await mkdtemp(join(tmpdir(), "nagare-knot-"));
  const port = await freePort();
  await writeFile(join(directory, "zone"), zoneText(records));
  await writeFile(
    join(directory, "knot.conf"),
    `server:\n  rundir: "${directory}"\n  listen: 127.0.0.1@${port}\ndatabase:\n  storage: "${directory}"\nzone:\n` +
      `  - domain: zone.test\n    storage: "${directory}"\n    file: zone\n    semantic-checks: off\n`,
  );
  let log = "";
  server = spawn(knotd, ["-c", join(directory, "knot.conf")]);
  for (const output of [server.stdout!, server.stderr!]) output.on("data", (text) => (log += text));
  resolver = new DnsResolver({ servers: [{ protocol: "tcp", address: "127.0.0.1", port }] });
  for (;;) {
    const answer = await resolver.resolve("zone.test.", 6);
    if (answer.kind === "records") break;
    if (server.exitCode !== null || log.includes("failed to parse")) throw new Error(log);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}, 30_000);

afterAll(async () => {
  if (knotd === undefined) return;
  const gone = new Promise((resolve) => server.once("close", resolve));
  server.kill();
  await gone;
  await rm(directory, { recursive: true });
});

test.skipIf(knotd === undefined)(
  `Knot reads ${COUNT} records as we print them, and we read them as it sends them`,
  async () => {
    expect(records.length).toBe(COUNT);
    for (const record of records) {
      const answer = await resolver.resolve(record.name, record.type);
      const [found] = answer.kind === "records" ? answer.records : [];
      expect(found, printRecord(record)).toEqual({ ...record, data: lowered(record.data) });
      expect(parseRecord(printRecord(found!))).toEqual(found);
    }
  },
);
