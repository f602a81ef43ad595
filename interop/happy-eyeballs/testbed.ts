/** The network with its name server and site, and what a client does on it. */

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { Namespace } from "../../src/host/tap/testing/namespaces.ts";
import type { TestIdentity } from "../certificates.ts";
import type { TestedClient } from "./clients.ts";
import { ipv4, ipv6, type LinkState, monotonic, type NetworkState, type SeenAt, TestNetwork } from "./network.ts";
import type { NamedSite, NameReport } from "./programs/names.ts";

/** One visit. */
export interface Trial {
  /** Addresses of each family. */
  readonly counts?: { readonly ipv4: number; readonly ipv6: number };
  readonly delays?: Partial<NamedSite["delays"]>;
  readonly alpn?: string;
  readonly ipv4?: Partial<LinkState>;
  readonly ipv6?: Partial<LinkState>;
  readonly isUdpDead?: boolean;
  readonly http3?: boolean;
  /** Milliseconds after the first attempt to watch, instead of ending with a connection, or with HTTP/3 with a secured one. */
  readonly watch?: number;
}

export interface Question {
  readonly record: string;
  readonly at: number;
}

/** Times are in milliseconds on one clock. */
export interface Observed {
  readonly questions: readonly Question[];
  /** The first one to each address over each transport. */
  readonly attempts: readonly SeenAt[];
  /** The first bytes over a TCP connection. */
  readonly connected: SeenAt | undefined;
  /** The first packet over TLS or QUIC, once established. */
  readonly secured: SeenAt | undefined;
  /** Why the client gave up, and when. */
  readonly failure: { readonly why: string; readonly at: number } | undefined;
}

/** For a visit of which nothing more comes. */
const LIMIT = 15_000;
const HOST = "he.test";
const ALIVE: LinkState = { rtt: 0, isDead: false };

export class Testbed implements AsyncDisposable {
  readonly network: TestNetwork;
  readonly #signal: AbortSignal;
  readonly #children: ChildProcess[] = [];
  readonly #names: ChildProcess;
  #count = 0;

  private constructor(network: TestNetwork, names: ChildProcess, site: ChildProcess, signal: AbortSignal) {
    this.network = network;
    this.#names = names;
    this.#children.push(names, site);
    this.#signal = signal;
  }

  /** The name server and the site run until the end. */
  static async open(identity: TestIdentity, signal: AbortSignal): Promise<Testbed> {
    const network = await TestNetwork.open();
    const children: ChildProcess[] = [];
    try {
      const start = async (
        namespace: Namespace,
        program: string,
        ...args: readonly string[]
      ): Promise<ChildProcess> => {
        const path = fileURLToPath(new URL(`./programs/${program}.js`, import.meta.url));
        const [ip, ...before] = namespace.exec;
        const stdio = ["ignore", "inherit", "inherit", "ipc"] as const;
        const child = spawn(ip!, [...before, process.execPath, path, ...args], { stdio: [...stdio] });
        children.push(child);
        await Promise.race([
          once(child, "message", { signal }),
          once(child, "exit", { signal }).then(() => {
            throw new Error(`${program} ended before it was ready`);
          }),
        ]);
        return child;
      };
      const names = await start(network.client, "names");
      const site = await start(network.server, "site", identity.certFile, identity.keyFile);
      return new Testbed(network, names, site, signal);
    } catch (error) {
      await endAll(children);
      network[Symbol.dispose]();
      throw error;
    }
  }

  async run(client: TestedClient, trial: Trial): Promise<Observed> {
    const { counts = { ipv4: 1, ipv6: 1 }, delays, alpn, http3 = false, watch } = trial;
    this.#signal.throwIfAborted();
    const state: NetworkState = {
      ipv4: { ...ALIVE, ...trial.ipv4 },
      ipv6: { ...ALIVE, ...trial.ipv6 },
      isUdpDead: trial.isUdpDead === true,
    };
    this.network.set(state);
    this.#count += 1;
    const host = `t${this.#count}.${HOST}`;
    await this.#tell({
      name: `${host}.`,
      ipv4: ipv4(counts.ipv4),
      ipv6: ipv6(counts.ipv6),
      alpn,
      delays: { A: 0, AAAA: 0, HTTPS: 0, ...delays },
    });
    const questions: Question[] = [];
    const attempts = new Map<string, SeenAt>();
    let connected: SeenAt | undefined;
    let secured: SeenAt | undefined;
    let failure: Observed["failure"];
    const over = new AbortController();
    const end = (): void => over.abort();
    let timer = setTimeout(end, LIMIT);
    this.#signal.addEventListener("abort", end);
    const onReport = (report: NameReport): void => {
      if (report.type === "query") questions.push(report);
    };
    this.#names.on("message", onReport);
    this.network.onSighting = (seen) => {
      if (seen.kind === "connected") connected ??= seen;
      else if (seen.kind === "secured") secured ??= seen;
      else {
        const key = `${seen.transport} ${seen.address}`;
        if (attempts.size === 0 && watch !== undefined) {
          clearTimeout(timer);
          timer = setTimeout(end, watch);
        }
        if (!attempts.has(key)) attempts.set(key, seen);
      }
      if (watch === undefined && (http3 ? secured : connected) !== undefined) end();
    };
    try {
      await using visiting = await client.visit({ host, http3 });
      const ended = visiting.ended.then((why) => {
        if (why !== undefined && !over.signal.aborted) failure = { why, at: monotonic() };
        if (why !== undefined || watch === undefined) end();
      });
      if (!over.signal.aborted) await once(over.signal, "abort");
      void ended;
    } finally {
      clearTimeout(timer);
      this.#signal.removeEventListener("abort", end);
      this.network.onSighting = undefined;
      this.#names.off("message", onReport);
    }
    this.#signal.throwIfAborted();
    return { questions, attempts: [...attempts.values()], connected, secured, failure };
  }

  /** Resolves when the name server knows the site. */
  async #tell(site: NamedSite): Promise<void> {
    this.#names.send(site);
    for (;;) {
      // Questions of the last visit may still be on their way.
      const [report] = (await once(this.#names, "message", { signal: this.#signal })) as [NameReport];
      if (report.type === "known" && report.name === site.name) return;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await endAll(this.#children);
    this.network[Symbol.dispose]();
  }
}

/** A namespace lives as long as a process in it. */
async function endAll(children: readonly ChildProcess[]): Promise<void> {
  await Promise.all(
    children.map(async (child) => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill("SIGKILL");
      await once(child, "exit");
    }),
  );
}
