/** Many idle connections: the memory and the CPU that they cost the server, beside peers. */

import { Skip } from "../interop/result.ts";
import type { Bench } from "./bench.ts";
import { LoadProgram } from "./load-program.ts";
import { cpuOfTree, memoryOf } from "./proc.ts";
import type { Row } from "./report.ts";
import { createScratch } from "./scratch.ts";
import { type ServerName, startServer } from "./servers.ts";

const MIB = 1 << 20;
const CONNECTIONS = 10_000;
/** Milliseconds that they are idle. */
const IDLE = 10_000;
const PROGRAMS = 4;
const PEERS: readonly ServerName[] = ["ours", "bun", "quic-go", "quinn"];

export const idle: Bench = async ({ size: connections = CONNECTIONS, only = "", log }) => {
  const rows: Row[] = [];
  const remarks: string[] = [];
  for (const name of PEERS.filter((each) => each.includes(only))) {
    try {
      rows.push({ name, figures: await measure(name, connections, log) });
    } catch (error) {
      if (!(error instanceof Skip)) throw error;
      remarks.push(`no ${name}: ${error.message}`);
    }
  }
  return { rows, ratios: {}, targets: [{ of: "ours: MiB more", atMost: 300 }], remarks };
};

async function measure(name: ServerName, connections: number, log: (line: string) => void): Promise<Row["figures"]> {
  using scratch = createScratch(1_000);
  await using server = await startServer(name, "handler", scratch, log);
  const programs: LoadProgram[] = [];
  try {
    const warm = await LoadProgram.start(server.port, scratch, log);
    programs.push(warm);
    await warm.handshakes(100, 4, "/memory/10", "full");
    const before = memoryOf(server.pid).resident;
    log(`${name}: ${connections} connections`);
    for (let i = 0; i < PROGRAMS; i++) {
      const program = i === 0 ? warm : await LoadProgram.start(server.port, scratch, log);
      if (i > 0) programs.push(program);
      await program.connect(Math.ceil(connections / PROGRAMS));
      await program.requests(Math.ceil(connections / PROGRAMS), 1, "/memory/10");
    }
    const cpu = cpuOfTree(server.pid);
    await new Promise((resolve) => setTimeout(resolve, IDLE));
    const { resident, peak } = memoryOf(server.pid);
    return {
      "MiB before": Math.round(before / MIB),
      "MiB more": Math.round((resident - before) / MIB),
      "peak MiB": Math.round(peak / MIB),
      "kB each": Math.round((resident - before) / connections / 100) / 10,
      "CPU % idle": Math.round((cpuOfTree(server.pid) - cpu) / IDLE / 10),
    };
  } finally {
    for (const program of programs) await program[Symbol.asyncDispose]();
  }
}
