/** Clients of all versions in their own process: a steady load, and new connections that wait for a certificate. */

import { type Client, createClient } from "../../src/client/index.ts";
import type { HttpVersion } from "../../src/host/http/exchange.ts";
import {
  type CertificateClientOrder,
  type HandshakesDone,
  type LoadFigures,
  type ProbeDone,
  VERSIONS,
} from "../certificates/messages.ts";

/** Connections that stay open, for each version and name. */
const STANDING = 2;
/** One request in so many opens a connection. */
const NEW_EVERY = 10;
/** Milliseconds. */
const PROBE_PAUSE = 100;

type Order<Type extends CertificateClientOrder["type"]> = CertificateClientOrder & { readonly type: Type };

const pause = (milliseconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, milliseconds));

const create = (version: HttpVersion, ca: string): Client =>
  createClient({ protocols: [version], ca, resolve: () => ["127.0.0.1"], connectTimeout: 10_000 });

async function ask(client: Client, name: string, port: number): Promise<void> {
  const response = await client.fetch(`https://${name}:${port}/`);
  const text = await response.text();
  if (text !== "ok") throw new Error(`status ${response.status}`);
}

const messageOf = (error: unknown): string => {
  const { code, message } = error as Error & { readonly code?: string };
  return `${code ?? ""} ${message}`.trim();
};

class Load {
  readonly #order: Order<"load">;
  readonly #standing: Client[];
  readonly #pending = new Set<Promise<void>>();
  readonly #failures: Record<string, number> = {};
  readonly #latencies: number[] = [];
  #begun = 0;
  #connections = 0;
  #due = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(order: Order<"load">) {
    this.#order = order;
    this.#standing = VERSIONS.flatMap((version) => Array.from({ length: STANDING }, () => create(version, order.ca)));
  }

  async start(): Promise<void> {
    const { names, port } = this.#order;
    for (const client of this.#standing) for (const name of names) await ask(client, name, port);
    this.#begun = performance.now();
    // Catches up after a late timer, so that the rate holds.
    this.#timer = setInterval(() => {
      const due = ((performance.now() - this.#begun) / 1000) * this.#order.rate;
      while (this.#due < due) this.#send(this.#due++);
    }, 5);
  }

  #send(index: number): void {
    const sent = this.#request(index);
    this.#pending.add(sent);
    sent.then(() => this.#pending.delete(sent));
  }

  async #request(index: number): Promise<void> {
    const { names, port, ca } = this.#order;
    const name = names[index % names.length]!;
    const isNew = index % NEW_EVERY === 0;
    // Strides without common factors, so that every version gets every name, old and new connections.
    const client = isNew
      ? create(VERSIONS[Math.floor(index / NEW_EVERY) % VERSIONS.length]!, ca)
      : this.#standing[Math.floor(index / names.length) % this.#standing.length]!;
    const begun = performance.now();
    try {
      await ask(client, name, port);
      this.#latencies.push(performance.now() - begun);
    } catch (error) {
      const message = messageOf(error);
      this.#failures[message] = (this.#failures[message] ?? 0) + 1;
    }
    if (!isNew) return;
    this.#connections += 1;
    await client.destroy();
  }

  async stop(): Promise<LoadFigures> {
    clearInterval(this.#timer);
    await Promise.all(this.#pending);
    const seconds = (performance.now() - this.#begun) / 1000;
    for (const client of this.#standing) await client.close();
    return {
      requests: this.#due,
      connections: this.#connections,
      seconds,
      failures: this.#failures,
      latencies: this.#latencies,
    };
  }
}

async function probe({ port, name, ca }: Order<"probe">): Promise<ProbeDone> {
  const begun = performance.now();
  const failures: string[] = [];
  let others = 0;
  const milliseconds = await Promise.all(
    VERSIONS.map(async (version) => {
      for (;;) {
        const client = create(version, ca);
        try {
          await ask(client, name, port);
          return performance.now() - begun;
        } catch (error) {
          const message = messageOf(error);
          if (message.startsWith("CERTIFICATE_")) others += 1;
          else failures.push(`${version}: ${message}`);
          if (performance.now() - begun > 30_000) return Number.POSITIVE_INFINITY;
        } finally {
          await client.destroy();
        }
        await pause(PROBE_PAUSE);
      }
    }),
  );
  return { milliseconds, others, failures };
}

async function handshakes({ port, names, ca, version, count }: Order<"handshakes">): Promise<HandshakesDone> {
  const begun = performance.now();
  try {
    for (let i = 0; i < count; i++) {
      const client = create(version, ca);
      // A stride without a common factor with any set visits all names.
      await ask(client, names[(i * 7919) % names.length]!, port);
      await client.destroy();
    }
    return { milliseconds: performance.now() - begun };
  } catch (error) {
    return { milliseconds: 0, error: messageOf(error) };
  }
}

let load: Load | undefined;

async function handle(order: CertificateClientOrder): Promise<unknown> {
  switch (order.type) {
    case "load":
      load = new Load(order);
      await load.start();
      return "started";
    case "stop":
      return load!.stop();
    case "probe":
      return probe(order);
    case "handshakes":
      return handshakes(order);
  }
}

process.on("message", async (order: CertificateClientOrder) => process.send!(await handle(order)));
process.once("SIGTERM", () => process.exit(0));
process.once("disconnect", () => process.exit(0));
