/** Memory of our server and client, each in its own process: long transfers, many requests at once, many connections. */

import { closeSync, ftruncateSync, openSync } from "node:fs";
import { join } from "node:path";
import { HOST } from "../interop/certificates.ts";
import type { Bench } from "./bench.ts";
import type { LoadDone, LoadOrder } from "./messages.ts";
import { OwnProcess } from "./own-process.ts";
import { memoryOf, resetPeak } from "./proc.ts";
import type { Row } from "./report.ts";
import { createScratch, type Scratch } from "./scratch.ts";
import { startOwn } from "./servers.ts";

const MIB = 1 << 20;
const GIB = 1 << 30;
const MANY = 1_000;
/** Milliseconds in which what is no longer needed may be let go. */
const SETTLING = 5_000;

type Order = Omit<LoadOrder, "url" | "ca"> & { readonly path: string };

const TASKS: readonly (readonly [name: string, order: Order])[] = [
  ["1 GiB from a file", { path: "/gib.bin", requests: 1, concurrency: 1 }],
  ["1 GiB from a stream", { path: `/stream/${GIB}`, requests: 1, concurrency: 1 }],
  // Nobody is answered before all have come: they are really open together.
  [`${MANY} requests at once`, { path: `/together/${MANY}`, requests: MANY, concurrency: MANY }],
  [`${MANY} idle connections`, { path: "/small.bin", requests: MANY, concurrency: 20, connections: MANY }],
];

export const memory: Bench = async ({ log }) => {
  using place = createScratch(MIB);
  const file = openSync(join(place.site.directory, "gib.bin"), "w");
  ftruncateSync(file, GIB);
  closeSync(file);
  const rows: Row[] = [];
  for (const [name, order] of TASKS) {
    log(name);
    rows.push({ name, figures: await measure(order, place) });
  }
  const targets = rows.flatMap(({ name }) => [
    { of: `${name}: server growth MiB`, atMost: 100 },
    ...(name.startsWith("1 GiB") ? [{ of: `${name}: client growth MiB`, atMost: 100 }] : []),
  ]);
  return { rows, ratios: {}, targets, remarks: [] };
};

/** Growth is from what is resident after one small request, before the task, to the most during it. */
async function measure(order: Order, place: Scratch): Promise<Row["figures"]> {
  await using server = await startOwn("own-server", place);
  await using client = new OwnProcess("own-client");
  await client.next();
  const ask = async ({ path, ...rest }: Order): Promise<LoadDone> => {
    const url = `https://${HOST}:${server.port}${path}`;
    const done = await client.ask<LoadDone>({ ...rest, url, ca: place.identity.ca } satisfies LoadOrder);
    if (done.error !== undefined) throw new Error(`our client: ${done.error}`);
    return done;
  };
  await ask({ path: "/small.bin", requests: 1, concurrency: 1 });
  const pids = [server.pid, client.pid] as const;
  const before = pids.map((pid) => {
    resetPeak(pid);
    return memoryOf(pid).resident;
  });
  const { milliseconds } = await ask(order);
  const growth = pids.map((pid, i) => Math.round((memoryOf(pid).peak - before[i]!) / MIB));
  await new Promise((resolve) => setTimeout(resolve, SETTLING));
  const settled = pids.map((pid, i) => Math.round((memoryOf(pid).resident - before[i]!) / MIB));
  return {
    "server growth MiB": growth[0]!,
    "client growth MiB": growth[1]!,
    "server settled MiB": settled[0]!,
    "client settled MiB": settled[1]!,
    seconds: Math.round(milliseconds / 100) / 10,
  };
}
