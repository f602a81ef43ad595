/** Clients that download, upload and ask without a pause, over every protocol, until they are stopped. */

import { setTimeout } from "node:timers/promises";
import { type Client, createClient } from "../../src/client/index.ts";
import type { Protocol } from "../../src/host/client/session.ts";

const PROTOCOLS = ["h3", "h2", "http/1.1"] as const;
const UPLOAD_CHUNKS = 10;
const UPLOAD_CHUNK = 5_000;

export class Load {
  /** What each request that failed was, and why. */
  readonly failures: string[] = [];
  readonly counts = new Map<string, number>();
  readonly versions = new Set<string>();
  readonly #clients: Client[] = [];
  readonly #loops: Promise<void>[];
  #isStopped = false;

  constructor(url: string, ca: string, protocols: readonly Protocol[] = PROTOCOLS) {
    const kinds: Readonly<Record<string, (client: Client) => Promise<void>>> = {
      request: async (client) => {
        const { version } = (await (await client.fetch(url)).json()) as { version: string };
        this.versions.add(version);
        await setTimeout(5);
      },
      download: async (client) => {
        const { byteLength } = await (await client.fetch(`${url}/slow`)).arrayBuffer();
        if (byteLength !== 20_000) throw new Error(`${byteLength} bytes of 20000`);
      },
      upload: async (client) => {
        // Node's HTTP/2 client refuses requests by itself after a GOAWAY, so the body can be opened again.
        const body = { length: UPLOAD_CHUNKS * UPLOAD_CHUNK, open: upload };
        const response = await client.fetch(url, { method: "POST", body });
        const { length } = (await response.json()) as { length: number };
        if (length !== UPLOAD_CHUNKS * UPLOAD_CHUNK) throw new Error(`${length} bytes arrived`);
      },
    };
    this.#loops = protocols.flatMap((protocol) => {
      const client = createClient({ protocols: [protocol], ca, resolve: () => ["127.0.0.1"], connectTimeout: 60_000 });
      this.#clients.push(client);
      return Object.entries(kinds).map(([kind, run]) => this.#loop(`${protocol} ${kind}`, () => run(client)));
    });
  }

  async #loop(name: string, run: () => Promise<void>): Promise<void> {
    while (!this.#isStopped) {
      try {
        await run();
        this.counts.set(name, (this.counts.get(name) ?? 0) + 1);
      } catch (error) {
        this.failures.push(`${name}: ${(error as Error).message}`);
        return;
      }
    }
  }

  /** Resolves when every kind of request has been answered once more, or has failed. */
  async progress(): Promise<void> {
    const before = new Map(this.counts);
    const isDone = (): boolean =>
      this.failures.length > 0 ||
      (this.counts.size === this.#loops.length &&
        [...this.counts].every(([name, count]) => count > (before.get(name) ?? 0)));
    while (!isDone()) await setTimeout(10);
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    await Promise.all(this.#loops);
    for (const client of this.#clients) await client.destroy();
  }
}

async function* upload() {
  for (let i = 0; i < UPLOAD_CHUNKS; i += 1) {
    await setTimeout(10);
    yield new Uint8Array(UPLOAD_CHUNK);
  }
}
