/** Runs the cells of the matrix: several peers at a time, the cells of each one after another. */

import { setMaxListeners } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { qlogSettings } from "../src/host/qlog/options.ts";
import { QlogRecorder } from "../src/host/qlog/recorder.ts";
import type { Case, Pairing } from "./case.ts";
import { faultOf } from "./causes.ts";
import type { CellFolder } from "./cell.ts";
import { createIdentities } from "./certificates.ts";
import type { Peer, PeerEntry } from "./peer.ts";
import { nagare } from "./peers/nagare.ts";
import { type Result, type Role, Skip, Unsupported } from "./result.ts";
import { createSite } from "./site.ts";

export interface RunOptions {
  /** Who takes our side: ourselves, unless a third party is to show whose fault a failure is. */
  readonly side: PeerEntry;
  readonly peers: readonly PeerEntry[];
  /** Third parties for cells that fail because of the peer. */
  readonly thirds: readonly PeerEntry[];
  readonly cases: readonly Case[];
  /** The number of peers at a time. */
  readonly jobs: number;
  /** The size of the large file in bytes. */
  readonly bulkSize: number;
  /** The time limit of a cell in milliseconds. */
  readonly cellTimeout: number;
  /** The folder for recordings of our own connections. */
  readonly qlog?: string | undefined;
  readonly log: (line: string) => void;
  readonly onResult: (result: Result) => void;
}

/** Returns the results in the order of peers, cases and roles. */
export async function runMatrix(options: RunOptions): Promise<Result[]> {
  const directory = await mkdtemp(join(tmpdir(), "nagare-interop-"));
  try {
    const site = createSite(join(directory, "site"), options.bulkSize);
    return await new Run(options, { directory, site, identity: createIdentities(directory) }).all();
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

type Verdict = Pick<Result, "result" | "detail" | "cause">;

class Run {
  readonly #options: RunOptions;
  readonly #shared: Omit<CellFolder, "signal">;
  readonly #installed = new Map<PeerEntry, Promise<Peer | Skip>>();

  constructor(options: RunOptions, shared: Omit<CellFolder, "signal">) {
    this.#options = options;
    this.#shared = shared;
  }

  async all(): Promise<Result[]> {
    const { peers, jobs } = this.#options;
    const results: Result[][] = [];
    const left = peers.entries();
    const work = async () => {
      for (const [index, entry] of left) results[index] = await this.#peer(entry);
    };
    await Promise.all(Array.from({ length: jobs }, work));
    return results.flat();
  }

  async #peer(entry: PeerEntry): Promise<Result[]> {
    const { side: sideEntry, cases, onResult } = this.#options;
    const side = await this.#install(sideEntry);
    if (side instanceof Skip) throw side;
    const peer = await this.#install(entry);
    const results: Result[] = [];
    for (const each of cases) {
      for (const role of each.roles.filter((role) => entry.roles.includes(role))) {
        const third = sideEntry === nagare ? {} : { side: sideEntry.name };
        const version = peer instanceof Skip ? "" : peer.version;
        const verdict: Verdict =
          peer instanceof Skip
            ? { result: "skipped", detail: peer.message }
            : await this.#cell(each, entry, { side, peer, role });
        const result = { peer: entry.name, version, ...third, case: each.name, role, ...verdict };
        results.push(result);
        onResult(result);
      }
    }
    return results;
  }

  /** Installs each peer once, one after another because of the package manager's lock. */
  #install(entry: PeerEntry): Promise<Peer | Skip> {
    const known = this.#installed.get(entry);
    if (known !== undefined) return known;
    const others = Promise.all(this.#installed.values());
    const installing = others.then(() => install(entry, this.#options.log));
    this.#installed.set(entry, installing);
    return installing;
  }

  async #cell(each: Case, entry: PeerEntry, pairing: Pairing): Promise<Verdict> {
    const verdict = await this.#run(each, pairing, `${each.name.replace("/", "-")}-${entry.name}-${pairing.role}`);
    if (verdict.result !== "fail" || this.#options.side !== nagare) return verdict;
    const cause = await this.#cause(each, entry.name, pairing);
    return cause === undefined ? verdict : { ...verdict, cause };
  }

  /** The peer's fault, if the cell fails with others too; none if one of them passes. */
  async #cause(each: Case, name: string, { peer, role }: Pairing): Promise<string | undefined> {
    const fault = faultOf(name, role, each.name);
    const evidence: string[] = [];
    for (const third of fault?.thirds ?? []) {
      const entry = this.#options.thirds.find((other) => other.name === third);
      const side = entry === undefined ? undefined : await this.#install(entry);
      if (side === undefined || side instanceof Skip) continue;
      const { result, detail } = await this.#run(each, { side, peer, role });
      if (result === "pass") return undefined;
      if (result === "fail") evidence.push(`${arrow(role, name, third)}: ${firstLine(detail)}`);
    }
    return evidence.length === 0 ? undefined : [fault!.cause, ...evidence].join("; ");
  }

  /** `name` is that of the folder for recordings. */
  async #run(each: Case, pairing: Pairing, name?: string): Promise<Verdict> {
    const reason = each.unsupported(pairing);
    if (reason !== undefined) return { result: "unsupported", detail: reason };
    const timeout = Math.max(this.#options.cellTimeout, each.timeout ?? 0);
    const directory = await mkdtemp(join(this.#shared.directory, "cell-"));
    const signal = AbortSignal.timeout(timeout);
    setMaxListeners(0, signal); // one per process and request of the cell
    const { qlog } = this.#options;
    const folder =
      qlog === undefined || name === undefined ? undefined : new QlogRecorder(qlogSettings(join(qlog, name)));
    try {
      const cell = { ...this.#shared, directory, signal, trace: folder?.trace };
      const detail = await Promise.race([each.run(pairing, cell), rejectedBy(signal)]);
      return { result: "pass", detail };
    } catch (error) {
      if (error instanceof Unsupported) return { result: "unsupported", detail: error.message };
      if (error instanceof Skip) return { result: "skipped", detail: error.message };
      const late = signal.aborted ? `timed out after ${timeout / 1000} s; ` : "";
      return { result: "fail", detail: `${late}${error instanceof Error ? error.message : String(error)}` };
    } finally {
      await folder?.close();
      await rm(directory, { recursive: true, force: true });
    }
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

/** Client → server. */
const arrow = (role: Role, peer: string, side: string): string =>
  role === "server" ? `${peer} → ${side}` : `${side} → ${peer}`;

const firstLine = (text: string): string => text.split("\n", 1)[0]!;

/** Never resolves: a case that ignores the signal must not hold up the others. */
const rejectedBy = (signal: AbortSignal): Promise<never> =>
  new Promise((_, reject) => {
    signal.addEventListener("abort", () => reject(new Error("time is up")), { once: true });
  });
