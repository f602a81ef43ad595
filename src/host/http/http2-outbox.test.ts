/** The order in which DATA frames of several responses leave (RFC 9218 §10), as a client sees it. */

import { afterEach, describe, expect, test } from "vitest";
import { loadIdentity } from "../certificates/identity.ts";
import type { ServerExchange } from "./exchange.ts";
import { TcpListener } from "./tcp-listener.ts";
import { localhostIdentity } from "./testing/identities.ts";
import { RawHttp2 } from "./testing/raw-http2.ts";

const SIZE = 512 * 1024;
const AMPLE = 64 * 1024 * 1024;

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function start(onExchange: (exchange: ServerExchange) => void, window = AMPLE): Promise<RawHttp2> {
  const listener = new TcpListener({ identities: [loadIdentity(localhostIdentity)], onExchange, onKeyLog: undefined });
  closers.push(() => listener.close(0));
  const { port } = await listener.listen(0, "127.0.0.1");
  const client = await RawHttp2.open(port, window);
  closers.push(() => client.close());
  client.openWindow(0, AMPLE);
  return client;
}

const whole = (exchange: ServerExchange, fields: readonly [string, string][] = []): void => {
  exchange.respond(200, fields);
  exchange.end(new Uint8Array(SIZE));
};

/** Requests with these fields, sent and answered at once. Resolves with the stream of each frame, in order of arrival. */
async function framesOf(priorities: readonly (string | undefined)[], client: RawHttp2): Promise<readonly number[]> {
  client.requests("GET", priorities);
  for (let index = 0; index < priorities.length; index += 1) {
    const { bytes, endStream } = await client.end(2 * index + 1, false);
    expect([bytes, endStream]).toEqual([SIZE, true]);
  }
  return client.order;
}

/** True if a stream's last frame arrived before the first one of another. */
const isBefore = (frames: readonly number[], first: number, second: number): boolean =>
  frames.lastIndexOf(first) < frames.indexOf(second);

describe("content leaves", () => {
  test("by urgency, once the first response is no longer alone", async () => {
    const client = await start((exchange) => whole(exchange));
    const frames = await framesOf(["u=7", "u=5", "u=0", "u=3"], client);
    expect([isBefore(frames, 5, 7), isBefore(frames, 7, 3), frames.at(-1)]).toEqual([true, true, 1]);
  });

  test("in order of requests without a field", async () => {
    const client = await start((exchange) => whole(exchange));
    const frames = await framesOf([undefined, undefined, undefined], client);
    expect([isBefore(frames, 1, 3), isBefore(frames, 3, 5)]).toEqual([true, true]);
  });

  test("in turns if it is incremental", async () => {
    const client = await start((exchange) => whole(exchange));
    const frames = await framesOf(["u=3, i", "u=3, i", "u=3, i"], client);
    // Each has half of its content before any other is complete.
    for (const id of [1, 3, 5]) {
      const half = frames.flatMap((frame, index) => (frame === id ? [index] : []))[SIZE / 16_384 / 2]!;
      for (const other of [1, 3, 5]) expect(half).toBeLessThan(frames.lastIndexOf(other));
    }
  });

  test("by what the response's field says", async () => {
    let count = 0;
    const client = await start((exchange) => {
      count += 1;
      whole(exchange, [["priority", `u=${count === 3 ? 0 : 6}`]]);
    });
    const frames = await framesOf(["u=1", "u=1", "u=5"], client);
    expect([isBefore(frames, 5, 3), isBefore(frames, 1, 3)]).toEqual([true, true]);
  });

  test("past a response that flow control blocks", async () => {
    const client = await start((exchange) => whole(exchange), 65_535);
    client.requests("GET", ["u=0", "u=7"]);
    await client.received(1, 65_535);
    await client.received(3, 65_535);
    client.openWindow(3, SIZE);
    expect(await client.end(3, false)).toMatchObject({ bytes: SIZE, endStream: true });
    client.openWindow(1, SIZE);
    expect(await client.end(1, false)).toMatchObject({ bytes: SIZE, endStream: true });
  });
});

test("every chunk is released once: those that were sent, and those that waited when the stream was reset", async () => {
  const released: Uint8Array[] = [];
  const exchanges: ServerExchange[] = [];
  const closed: Promise<void>[] = [];
  const client = await start((exchange) => {
    exchanges.push(exchange);
    closed.push(
      new Promise((resolve) => {
        exchange.onClose = resolve;
      }),
    );
    exchange.respond(200, []);
    for (let i = 0; i < 4; i += 1) exchange.write(new Uint8Array(100_000), (chunk) => released.push(chunk));
  }, 65_535);
  client.requests("GET", ["u=0", "u=7"]);
  await client.received(3, 65_535);
  expect(exchanges.map((exchange) => exchange.hasRoom())).toEqual([false, false]);
  client.reset(1, 8);
  client.reset(3, 8);
  await Promise.all(closed);
  await client.turn();
  expect(released).toHaveLength(8);
  expect(new Set(released).size).toBe(8);
});

test("a source is asked to wait, and told when there is room", async () => {
  let written = 0;
  const client = await start((exchange) => {
    exchange.respond(200, []);
    const more = (): void => {
      while (written < SIZE && exchange.hasRoom()) {
        const size = Math.min(50_000, SIZE - written);
        written += size;
        exchange.write(new Uint8Array(size));
      }
      if (written === SIZE) exchange.end();
    };
    exchange.onDrain = more;
    more();
  }, 65_535);
  client.request("GET");
  await client.received(1, 65_535);
  expect(written).toBeLessThanOrEqual(200_000);
  client.openWindow(1, SIZE);
  expect(await client.end(1, false)).toMatchObject({ bytes: SIZE, endStream: true });
});
