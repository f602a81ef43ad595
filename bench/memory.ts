/**
 * Memory of our server and client, each in its own process: long transfers, many simultaneous requests, many
 * connections.
 */

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
/** Milliseconds for releasing memory that is no longer needed. */
const SETTLING = 5_000;

type Order = Omit<LoadOrder, "url" | "ca"> & { readonly path: string };

const TASKS: readonly (readonly [name: string, order: Order])[] = [
  ["1 GiB from a file", { path: "/gib.bin", requests: 1, concurrency: 1 }],
  ["1 GiB from a stream", { path: `/stream/${GIB}`, requests: 1, concurrency: 1 }],
  // The server answers only when all requests have arrived, so they are really open at the same time.
  [`${MANY} requests at once`, { path: `/together/${MANY}`, requests: MANY, concurrency: MANY }],
  [`${MANY} idle connections`, { path: "/small.bin", requests: MANY, concurrency: 20, connections: MANY }],
];

export const memory: Bench = async ({ log }) => {
  using scratch = createScratch(MIB);
  const file = openSync(join(scratch.site.directory, "gib.bin"), "w");
  ftruncateSync(file, GIB);
  closeSync(file);
  const rows: Row[] = [];
  for (const [name, order] of TASKS) {
    log(name);
    rows.push({ name, figures: await measure(order, scratch) });
  }
  const targets = rows.flatMap(({ name }) => [
    { of: `${name}: server growth MiB`, atMost: 100 },
    ...(name.startsWith("1 GiB") ? [{ of: `${name}: client growth MiB`, atMost: 100 }] : []),
  ]);
  return { rows, ratios: {}, targets, remarks: [] };
};

/** Growth is the difference between the resident memory after one small request and the peak during the task. */
async function measure(order: Order, scratch: Scratch): Promise<Row["figures"]> {
  await using server = await startOwn("own-server", scratch);
  await using client = new OwnProcess("own-client");
  await client.next();
  const runLoad = async ({ path, ...rest }: Order): Promise<LoadDone> => {
    const url = `https://${HOST}:${server.port}${path}`;
    const done = await client.request<LoadDone>({ ...rest, url, ca: scratch.identity.ca } satisfies LoadOrder);
    if (done.error !== undefined) throw new Error(`our client: ${done.error}`);
    return done;
  };
  await runLoad({ path: "/small.bin", requests: 1, concurrency: 1 });
  const pids = [server.pid, client.pid] as const;
  const before = pids.map((pid) => {
    resetPeak(pid);
    return memoryOf(pid).resident;
  });
  const { milliseconds } = await runLoad(order);
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
