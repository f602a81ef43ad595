/**
 * Well-behaved clients of all versions, in a separate process. Each sends a request, checks the response, and pauses.
 */

import { randomBytes } from "node:crypto";
import { type Client, createClient } from "../../src/client/index.ts";
import type { SoakFigures, SoakOrder } from "../messages.ts";

const PROTOCOLS = ["http/1.1", "h2", "h3"] as const;
/** The mean pause in milliseconds. */
const PAUSE = 2_000;
const ECHO_SIZE = 32 * 1024;
const EVENTS = 5;

type Fetch = (path: string, init?: RequestInit) => Promise<Response>;

/** Returns the milliseconds that the user waited. */
type Task = (fetch: Fetch) => Promise<number>;

async function expectOk(response: Response, size: number): Promise<void> {
  if (response.status !== 200) throw new Error(`status ${response.status}`);
  const { byteLength } = await response.arrayBuffer();
  if (byteLength !== size) throw new Error(`${byteLength} bytes of ${size}`);
}

const timed =
  (task: (fetch: Fetch) => Promise<void>): Task =>
  async (fetch) => {
    const begun = performance.now();
    await task(fetch);
    return performance.now() - begun;
  };

const json = timed(async (fetch) => {
  const response = await fetch("/json");
  const { hello } = (await response.json()) as { hello?: string };
  if (response.status !== 200 || hello !== "world") throw new Error(`status ${response.status}, hello ${hello}`);
});

const file = (path: string, size: number): Task => timed(async (fetch) => expectOk(await fetch(path), size));

const echo = timed(async (fetch) => {
  const body = randomBytes(ECHO_SIZE);
  const response = await fetch("/echo", { method: "POST", body });
  if (response.status !== 200) throw new Error(`status ${response.status}`);
  if (!body.equals(new Uint8Array(await response.arrayBuffer()))) throw new Error("the echo differs");
});

const events: Task = async (fetch) => {
  const begun = performance.now();
  const response = await fetch(`/events/${EVENTS}`);
  const waited = performance.now() - begun;
  const count = (await response.text()).split("\n\n").length - 1;
  if (response.status !== 200 || count !== EVENTS) throw new Error(`status ${response.status}, ${count} events`);
  return waited;
};

const TASKS: readonly (readonly [share: number, task: Task])[] = [
  [0.5, json],
  [0.2, file("/files/small.bin", 16 * 1024)],
  [0.1, file("/files/medium.bin", 256 * 1024)],
  [0.1, echo],
  [0.1, events],
];

function chooseTask(): Task {
  let rest = Math.random();
  for (const [share, task] of TASKS) {
    rest -= share;
    if (rest < 0) return task;
  }
  return json;
}

class Group {
  readonly protocol: string;
  #requests = 0;
  #failures: Record<string, number> = {};
  #latencies: number[] = [];

  constructor(protocol: string) {
    this.protocol = protocol;
  }

  async run(client: Client, url: string): Promise<void> {
    const fetch: Fetch = async (path, init) => (await client.fetch(new URL(path, url), init as never)) as Response;
    for (;;) {
      await new Promise((resolve) => setTimeout(resolve, -Math.log(1 - Math.random()) * PAUSE));
      this.#requests++;
      try {
        this.#latencies.push(await chooseTask()(fetch));
      } catch (error) {
        const { message, code } = error as Error & { code?: string };
        const name = `${code ?? ""} ${message}`.trim();
        this.#failures[name] = (this.#failures[name] ?? 0) + 1;
      }
    }
  }

  report(): SoakFigures {
    const figures = {
      protocol: this.protocol,
      requests: this.#requests,
      failures: this.#failures,
      latencies: this.#latencies,
    };
    this.#requests = 0;
    this.#failures = {};
    this.#latencies = [];
    return figures;
  }
}

const groups = PROTOCOLS.map((protocol) => new Group(protocol));

/** The first message starts the clients; each later one requests a report. */
process.once("message", ({ url, ca, clients, serverName }: SoakOrder) => {
  for (let i = 0; i < clients; i++) {
    const group = groups[i % groups.length]!;
    const protocols = [PROTOCOLS[i % PROTOCOLS.length]!] as const;
    const client = createClient({ protocols: [...protocols], ca, resolve: () => ["127.0.0.1"] });
    void group.run(client, `https://${serverName}:${new URL(url).port}`);
  }
  process.on("message", () => process.send!(groups.map((group) => group.report())));
});
process.once("SIGTERM", () => process.exit(0));
process.once("disconnect", () => process.exit(0));
