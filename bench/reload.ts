/** Handovers to a new program, and new certificates, while clients of three protocols download, upload and ask. */

import { localhostIdentity } from "../src/host/http/testing/identities.ts";
import { Load } from "../test/workers/load.ts";
import { Program } from "../test/workers/program-process.ts";
import type { Bench } from "./bench.ts";
import type { Row } from "./report.ts";
import { median } from "./statistics.ts";

const HANDOVERS = 100;
const RELOADS_PER_HANDOVER = 10;

export const reload: Bench = async ({ rounds = HANDOVERS, log }) => {
  const { cert, key } = localhostIdentity;
  const program = await Program.start();
  const load = new Load(program.url, String(cert));
  try {
    await load.progress();
    const handovers: number[] = [];
    const reloads: number[] = [];
    for (let round = 1; round <= rounds && load.failures.length === 0; round += 1) {
      log(`handover ${round} of ${rounds}`);
      program.configure({ version: String(round + 1) });
      handovers.push(await timed(() => program.run("reload")));
      for (let i = 0; i < RELOADS_PER_HANDOVER; i += 1) {
        reloads.push(await timed(() => program.run("certificates", { cert: String(cert), key: String(key) })));
      }
      await load.progress();
    }
    await load.stop();
    const requests: Row[] = [...load.counts].map(([name, count]) => ({ name, figures: { answered: count } }));
    return {
      rows: [
        { name: "handovers", figures: { count: handovers.length, "median ms": Math.round(median(handovers)) } },
        { name: "reloads", figures: { count: reloads.length, "median ms": Math.round(median(reloads)) } },
        { name: "requests", figures: { failed: load.failures.length } },
        ...requests,
      ],
      ratios: {},
      targets: [{ of: "requests: failed", atMost: 0 }],
      remarks: load.failures,
    };
  } finally {
    await load.stop();
    await program.close();
  }
};

async function timed(task: () => Promise<unknown>): Promise<number> {
  const started = performance.now();
  await task();
  return performance.now() - started;
}
