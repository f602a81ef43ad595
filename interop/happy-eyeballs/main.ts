/**
 * The testbed of the study of Happy Eyeballs of 2025, between two network namespaces: `npm run interop-happy-eyeballs --
 * [--client NAME] [--row TEXT] [--rounds N] [--record]`. Each client visits a host whose name server is slow and whose links are slow or dead,
 * and the wire shows what it does. Prints one table; `--record` writes it into docs/proposals/happy-eyeballs.md. Needs root,
 * koffi and ip(8), and says so if something is missing. Exits with 1 if one of our clients does not do as the texts say.
 */

import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { missingForNamespaces } from "../../src/host/tap/testing/namespaces.ts";
import { createIdentities } from "../certificates.ts";
import { findClients, type TestedClient } from "./clients.ts";
import { type Measured, ROWS, Visits } from "./rows.ts";
import { tableOf, withTable } from "./table.ts";
import { Testbed } from "./testbed.ts";

const PAGE = "docs/proposals/happy-eyeballs.md";

const { values } = parseArgs({
  options: {
    client: { type: "string", multiple: true },
    row: { type: "string", multiple: true },
    rounds: { type: "string", default: "3" },
    record: { type: "boolean", default: false },
  },
});
const log = (line: string): void => console.error(line);

class Interruption extends Error {}

async function main(): Promise<void> {
  const missing = await missingForNamespaces();
  if (missing !== undefined) {
    console.log(`skip   the testbed needs ${missing}`);
    return;
  }
  // An interrupted run removes its namespaces too.
  const interrupted = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.once(signal, () =>
      interrupted.abort(new Interruption(`interrupted by ${signal}; the namespaces are gone`)),
    );
  }
  await mkdir(".cache", { recursive: true });
  const directory = await mkdtemp(join(process.cwd(), ".cache", "interop-happy-eyeballs-"));
  try {
    const identity = createIdentities(directory, ["*.he.test"]);
    await using testbed = await Testbed.open(identity, interrupted.signal);
    const found = await findClients({ namespace: testbed.network.client, directory, identity, log });
    const clients: TestedClient[] = [];
    for (const each of found) {
      if ("client" in each) clients.push(each.client);
      else console.log(`skip   ${each.name}: ${each.why}`);
    }
    const wanted = clients.filter(({ name }) => values.client?.some((each) => name.startsWith(each)) ?? true);
    const columns: (readonly [TestedClient, readonly (Measured | undefined)[]])[] = [];
    for (const client of wanted) columns.push([client, await measure(testbed, client)]);
    const table = tableOf(columns.map(([{ name }, cells]) => ({ name, cells })));
    console.log(table);
    if (values.record) await writeFile(PAGE, withTable(await readFile(PAGE, "utf8"), table));
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

async function measure(testbed: Testbed, client: TestedClient): Promise<readonly (Measured | undefined)[]> {
  const visits = new Visits(testbed, client, Number(values.rounds));
  const cells: (Measured | undefined)[] = [];
  for (const row of ROWS) {
    const isWanted = values.row?.some((each) => row.title.includes(each)) ?? true;
    const cell = isWanted ? await row.measure(visits) : undefined;
    cells.push(cell);
    if (cell === undefined) continue;
    const isFailure = client.isOurs === true && cell.met === false;
    if (isFailure) process.exitCode = 1;
    log(`${isFailure ? "FAILED" : client.isOurs ? "ok    " : "      "} ${client.name}: ${row.title}: ${cell.text}`);
  }
  return cells;
}

await main().catch((error: unknown) => {
  if (!(error instanceof Interruption)) throw error;
  console.error(error.message);
  process.exitCode = 130;
});
