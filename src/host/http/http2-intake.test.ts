/** How many requests of an HTTP/2 session begin in a turn, and how many may be cancelled. */
import { expect, test } from "vitest";
import { ignore } from "../guard.ts";
import type { ServerExchange } from "./exchange.ts";
import { Http2Intake } from "./http2-intake.ts";

class Session {
  readonly begun: ServerExchange[] = [];
  isCut = false;
  readonly #intake = new Http2Intake({
    onExchange: (request) => this.begun.push(request),
    cutOff: () => {
      this.isCut = true;
    },
    onFault: ignore,
  });

  request(): ServerExchange {
    const request = {} as ServerExchange;
    this.#intake.add(request);
    return request;
  }

  requests(count: number): ServerExchange[] {
    return Array.from({ length: count }, () => this.request());
  }

  cancel(...requests: ServerExchange[]): void {
    for (const request of requests) {
      Object.assign(request, { aborted: new Error("cancelled") });
      this.#intake.countCancelled(request);
    }
  }

  /** Resolves with the number of requests begun in the next turn of the event loop. */
  async turn(): Promise<number> {
    const before = this.begun.length;
    await new Promise((resolve) => setImmediate(resolve));
    return this.begun.length - before;
  }
}

test("a turn begins 32 requests, in order, and the next turn goes on", async () => {
  const session = new Session();
  const requests = session.requests(80);
  expect(session.begun.length).toBe(32);
  expect([await session.turn(), await session.turn(), await session.turn()]).toEqual([32, 16, 0]);
  expect(session.begun).toEqual(requests);
});

test("a request that is cancelled before its turn never begins", async () => {
  const session = new Session();
  const [first, second] = session.requests(34).slice(32);
  session.cancel(first!);
  await session.turn();
  expect([session.begun.includes(first!), session.begun.includes(second!)]).toEqual([false, true]);
});

test("a client that cancels much waits for its turns, in which less begins", async () => {
  const session = new Session();
  session.cancel(...session.requests(9));
  session.requests(6);
  expect(session.begun.length).toBe(9);
  expect([await session.turn(), await session.turn()]).toEqual([4, 2]);
});

test("100 requests that are cancelled before their turn are tolerated in a second", () => {
  const session = new Session();
  session.requests(32);
  session.cancel(...session.requests(100));
  expect(session.isCut).toBe(false);
  session.cancel(session.request());
  expect(session.isCut).toBe(true);
});

test("500 cancelled requests are tolerated in a second", async () => {
  const session = new Session();
  while (session.begun.length < 500) {
    session.requests(4);
    await session.turn();
    session.cancel(...session.begun.slice(-4));
  }
  expect(session.isCut).toBe(false);
  session.cancel(session.begun[0]!);
  expect(session.isCut).toBe(true);
});
