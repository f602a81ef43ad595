/**
 * Requests whose handlers enter an AsyncLocalStorage context in different ways, many at once on shared connections, and
 * a record of the context that each callback saw.
 */
import { AsyncLocalStorage } from "node:async_hooks";
import fc from "fast-check";
import { expect } from "vitest";
import { runs } from "../../../test/properties/runs.ts";
import type { TestClient } from "./test-client.ts";

/** How the handler enters its context. "not" enters none, and must see none. */
export type Entering = "run" | "enterWith" | "later" | "not";

export interface Plan {
  readonly entering: Entering;
  /** Bytes of the request's chunks. The client waits for its turn before each. */
  readonly upload: readonly number[];
  /** Bytes of the response's chunks. */
  readonly download: readonly number[];
  /** True to abort the request once the response has begun. */
  readonly isAborted: boolean;
}

const plan = fc.record<Plan>({
  entering: fc.constantFrom<Entering>("run", "enterWith", "later", "not"),
  upload: fc.array(fc.integer({ min: 1, max: 30_000 }), { maxLength: 3 }),
  download: fc.array(fc.integer({ min: 1, max: 100_000 }), { maxLength: 6 }),
  isAborted: fc.boolean(),
});

export const storage = new AsyncLocalStorage<string>();

/** What the callbacks of one request saw. */
export class Witness {
  readonly id: string;
  readonly plan: Plan;
  readonly #wrong: string[];

  constructor(id: string, plan: Plan, wrong: string[]) {
    this.id = id;
    this.plan = plan;
    this.#wrong = wrong;
  }

  /** Notes the context at a place, which must be this request's, or none if it was not entered there. */
  note(place: string, expected: "own" | "none" | "either" = "own"): void {
    const store = storage.getStore();
    const own = this.plan.entering === "not" ? undefined : this.id;
    const isRight = (expected !== "none" && store === own) || (expected !== "own" && store === undefined);
    if (!isRight) this.#wrong.push(`${this.id} (${this.plan.entering}) saw ${store} in ${place}`);
  }

  /** Enters the context, and continues in it. */
  enter(go: () => void): void {
    const { entering } = this.plan;
    if (entering === "run") storage.run(this.id, go);
    else if (entering === "later") setImmediate(() => storage.run(this.id, go));
    else {
      if (entering === "enterWith") storage.enterWith(this.id);
      go();
    }
  }

  /** Notes the context in timers and promises. */
  noteTimers(): void {
    setTimeout(() => this.note("a timer"), 1);
    setImmediate(() => this.note("an immediate"));
    process.nextTick(() => this.note("a tick"));
    queueMicrotask(() => this.note("a microtask"));
    void Promise.resolve().then(() => this.note("a promise"));
  }
}

export class Witnesses {
  readonly wrong: string[] = [];
  readonly #plans = new Map<string, Plan>();
  #next = 0;

  /** The witness for a request's path. */
  of(path: string): Witness {
    return new Witness(path, this.#plans.get(path)!, this.wrong);
  }

  /** Sends requests, as many at once as the connections carry. fast-check prints the seed if a context is wrong. */
  async check(connect: () => Promise<TestClient>): Promise<void> {
    await fc.assert(
      fc.asyncProperty(fc.array(plan, { minLength: 2, maxLength: 24 }), async (plans) => {
        const waiting = [...plans];
        const clients = await Promise.all([connect(), connect()]);
        const sending = clients.flatMap((client) =>
          // The test client for HTTP/1.1 keeps one connection, which an abort would close.
          Array.from({ length: client.protocol === "http/1.1" ? 1 : 8 }, async () => {
            for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
              await this.#send(client, client.protocol === "http/1.1" ? { ...next, isAborted: false } : next);
            }
          }),
        );
        await Promise.all(sending);
        for (const client of clients) client.close();
        expect(this.wrong.splice(0)).toEqual([]);
      }),
      { numRuns: runs(8) },
    );
  }

  async #send(client: TestClient, plan: Plan): Promise<void> {
    const path = `/${this.#next++}`;
    this.#plans.set(path, plan);
    const exchange = client.request({ method: "POST", path, streaming: true });
    const response = exchange.response.then(async ({ content, bytes }) => {
      if (!plan.isAborted) return bytes();
      content.on("error", () => undefined);
      exchange.cancel();
      return undefined;
    });
    for (const size of plan.upload) {
      await exchange.send(Buffer.alloc(size));
      await new Promise((resolve) => setImmediate(resolve));
    }
    exchange.finish();
    const bytes = await response.catch((error) => (plan.isAborted ? undefined : Promise.reject(error)));
    if (bytes !== undefined) expect(bytes.length).toBe(plan.download.reduce((sum, size) => sum + size, 0));
  }
}
