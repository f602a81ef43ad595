/** Runs the cells of the matrix one after another. */

import { setMaxListeners } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Case } from "./case.ts";
import { createIdentities } from "./certificates.ts";
import type { Peer, PeerEntry } from "./peer.ts";
import { type Result, type Role, Skip } from "./result.ts";
import { createSite } from "./site.ts";

export interface RunOptions {
  readonly peers: readonly PeerEntry[];
  readonly cases: readonly Case[];
  /** The size of the large file in bytes. */
  readonly bulkSize: number;
  /** The time limit of a cell in milliseconds. */
  readonly cellTimeout: number;
  readonly log: (line: string) => void;
  readonly onResult: (result: Result) => void;
}

export async function runMatrix(options: RunOptions): Promise<Result[]> {
  const directory = await mkdtemp(join(tmpdir(), "nagare-interop-"));
  try {
    const context = { directory, site: createSite(join(directory, "site"), options.bulkSize) };
    const identity = createIdentities(directory);
    const results: Result[] = [];
    const note = (result: Result): void => {
      results.push(result);
      options.onResult(result);
    };
    for (const entry of options.peers) {
      const peer = await install(entry, options.log);
      for (const each of options.cases) {
        for (const role of each.roles.filter((role) => entry.roles.includes(role))) {
          const cell = { peer: entry.name, case: each.name, role };
          if (peer instanceof Skip) {
            note({ ...cell, version: "", result: "skipped", detail: peer.message });
          } else {
            const verdict = await runCell(each, peer, role, { ...context, identity }, options.cellTimeout);
            note({ ...cell, version: peer.version, ...verdict });
          }
        }
      }
    }
    return results;
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

async function install(entry: PeerEntry, log: (line: string) => void): Promise<Peer | Skip> {
  try {
    return await entry.install(log);
  } catch (error) {
    if (error instanceof Skip) return error;
    throw error;
  }
}

type Verdict = Pick<Result, "result" | "detail">;

async function runCell(
  each: Case,
  peer: Peer,
  role: Role,
  shared: Omit<Parameters<Case["run"]>[2], "signal">,
  timeout: number,
): Promise<Verdict> {
  const reason = each.unsupported(peer, role);
  if (reason !== undefined) return { result: "unsupported", detail: reason };
  const directory = await mkdtemp(join(shared.directory, "cell-"));
  const signal = AbortSignal.timeout(timeout);
  setMaxListeners(0, signal);
  try {
    const detail = await Promise.race([each.run(peer, role, { ...shared, directory, signal }), rejectedBy(signal)]);
    return { result: "pass", detail };
  } catch (error) {
    const late = signal.aborted ? `timed out after ${timeout / 1000} s; ` : "";
    return { result: "fail", detail: `${late}${error instanceof Error ? error.message : String(error)}` };
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/** Never resolves: a case that ignores the signal must not hold up the others. */
const rejectedBy = (signal: AbortSignal): Promise<never> =>
  new Promise((_, reject) => {
    signal.addEventListener("abort", () => reject(new Error("time is up")), { once: true });
  });
