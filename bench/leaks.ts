/** Much traffic and many connections, one after the other: the server's memory and descriptors must not grow. */

import { readdirSync } from "node:fs";
import type { Bench } from "./bench.ts";
import { LoadProgram } from "./load-program.ts";
import { memoryOf } from "./proc.ts";
import type { Row } from "./report.ts";
import { createScratch } from "./scratch.ts";
import { startServer } from "./servers.ts";
import { median } from "./statistics.ts";

const MB = 1_000_000;
const MIB = 1 << 20;
/** MB of content, and connections. */
const TRAFFIC = 10_000;
const CONNECTIONS = 100_000;
const STEPS = 20;
/** Steps until the heap has its size, and steps over which a median is taken. */
const SETTLING = 5;
const WINDOW = 5;
const BODY = MB;
const AT_ONCE = 8;
/** MiB that the heap may vary by. */
const GROWTH = 24;

export const leaks: Bench = async ({ size: traffic = TRAFFIC, clients: connections = CONNECTIONS, log }) => {
  using scratch = createScratch(MB);
  await using server = await startServer("ours", "handler", scratch, log);
  const descriptors = (): number => readdirSync(`/proc/${server.pid}/fd`).length;
  const rows: Row[] = [];
  const inSteps = async (name: string, step: () => Promise<unknown>): Promise<void> => {
    const memory: number[] = [];
    const files: number[] = [];
    for (let i = 1; i <= STEPS; i++) {
      await step();
      memory.push(memoryOf(server.pid).resident / MIB);
      files.push(descriptors());
      log(`${name}: step ${i} of ${STEPS}, ${Math.round(memory.at(-1)!)} MiB`);
    }
    const early = median(memory.slice(SETTLING, SETTLING + WINDOW));
    const late = median(memory.slice(-WINDOW));
    const figures = {
      "MiB early": Math.round(early),
      "MiB late": Math.round(late),
      "growth MiB": Math.round(late - early),
      "more descriptors": Math.max(0, files.at(-1)! - files[SETTLING]!),
    };
    rows.push({ name, figures });
  };
  {
    await using load = await LoadProgram.start(server.port, scratch, log);
    await load.connect(AT_ONCE);
    const requests = Math.ceil((traffic * MB) / BODY / STEPS);
    await inSteps(`${traffic} MB`, () => load.requests(requests, 1, `/memory/${BODY}`));
  }
  {
    await using load = await LoadProgram.start(server.port, scratch, log);
    const count = Math.ceil(connections / STEPS);
    await inSteps(`${connections} connections`, () => load.handshakes(count, AT_ONCE, "/memory/10", "full"));
  }
  const targets = rows.flatMap(({ name }) => [
    { of: `${name}: growth MiB`, atMost: GROWTH },
    { of: `${name}: more descriptors`, atMost: 0 },
  ]);
  return { rows, ratios: {}, targets, remarks: [] };
};
