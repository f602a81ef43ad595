/** Floods of HTTP/2 frames (RFC 9113 §10.5). nghttp2 stops most of them; our settings must not disable that. */

import { afterEach, expect, test } from "vitest";
import { Budget } from "../budget.ts";
import { loadIdentity } from "../certificates/identity.ts";
import type { ServerExchange } from "./exchange.ts";
import type { ListenerOptions } from "./listener.ts";
import { TcpListener } from "./tcp-listener.ts";
import { CONTINUATION, DATA, END_HEADERS, END_STREAM, frame, HEADERS, PING, SETTINGS } from "./testing/http2-frames.ts";
import { localhostIdentity } from "./testing/identities.ts";
import { RawHttp2 } from "./testing/raw-http2.ts";

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function listen(options: Partial<ListenerOptions> = {}) {
  const listener = new TcpListener({
    identities: [loadIdentity(localhostIdentity)],
    onExchange: (exchange) => void exchange,
    onKeyLog: undefined,
    ...options,
  });
  closers.push(() => listener.close(0));
  const { port } = await listener.listen(0, "127.0.0.1");
  return { listener, port };
}

async function start(): Promise<RawHttp2> {
  const { port } = await listen();
  const client = await RawHttp2.open(port);
  closers.push(() => client.close());
  return client;
}

const EMPTY = new Uint8Array(0);
/** 16 kB of field lines; an endless head repeats them. */
const LINES = Buffer.alloc(16_000, Buffer.from([0x10, 1, 0x61, 1, 0x62]));
/** RFC 7541: POST, the path "/", https, :authority "localhost", and content-length "1". */
const ONE_BYTE_POST = Buffer.from(`8384870109${Buffer.from("localhost").toString("hex")}0f0d0131`, "hex");

/** GET, "/", https, and a field of 4,000 bytes that the table keeps, referred to 12,000 times: 48 MB. */
const BOMB = Buffer.concat([
  Buffer.from([0x82, 0x84, 0x87, 0x40, 1, 0x61, 0x7f, 0xa1, 0x1e]),
  Buffer.alloc(4_000, 0x62),
  Buffer.alloc(12_000, 0xbe),
]);

const floods: readonly (readonly [string, (client: RawHttp2, i: number) => void])[] = [
  ["requests that are reset immediately", (client) => client.reset(client.request("GET"), 0x8)],
  [
    'requests that make the server reset them ("MadeYouReset")',
    (client, i) => {
      client.sendFrame(frame(HEADERS, END_HEADERS, 2 * i + 1, ONE_BYTE_POST));
      client.sendFrame(frame(DATA, END_STREAM, 2 * i + 1, Buffer.from("xx")));
    },
  ],
  ["PING", (client) => client.sendFrame(frame(PING, 0, 0, new Uint8Array(8)))],
  ["SETTINGS", (client) => client.sendFrame(frame(SETTINGS, 0, 0))],
  [
    "CONTINUATION without end",
    (client, i) => client.sendFrame(i === 0 ? frame(HEADERS, 0, 1, LINES) : frame(CONTINUATION, 0, 1, LINES)),
  ],
  [
    "heads that expand 4000-fold",
    (client, i) => client.sendFrame(frame(HEADERS, END_HEADERS | END_STREAM, 2 * i + 1, BOMB)),
  ],
  [
    "DATA without content",
    (client, i) => {
      if (i === 0) client.request("POST");
      client.sendFrame(frame(DATA, 0, 1, EMPTY));
    },
  ],
];

test.each(floods)("of %s closes the connection", async (_name, send) => {
  const client = await start();
  let sent = 0;
  while (!client.isOver && sent < 200_000) {
    for (let i = 0; i < 500; i += 1) send(client, sent++);
    await client.turn();
  }
  expect(client.isOver).toBe(true);
});

test("the client is told why: ENHANCE_YOUR_CALM", async () => {
  const client = await start();
  // The server must have read everything when it closes: otherwise the kernel may drop what it sent.
  await client.ping();
  client.sendFrame(Buffer.concat(Array.from({ length: 1_500 }, () => frame(PING, 0, 0, new Uint8Array(8)))));
  expect(await client.whenOver()).toBe(0xb); // RFC 9113 §7
});

test("heads that are refused, after a good one, close the connection too", async () => {
  const client = await start();
  client.request("GET");
  for (let i = 1; !client.isOver && i < 200_000; i += 20) {
    for (let k = 0; k < 20; k += 1) {
      client.sendFrame(frame(HEADERS, END_HEADERS | END_STREAM, 2 * (i + k) + 1, BOMB));
    }
    await client.turn();
  }
  // Node 20 closes it by itself.
  expect([0xb, undefined]).toContain(await client.whenOver());
});

test("a client with a few heads that are refused, and one that skips ids, go on", async () => {
  const budget = new Budget();
  const { port } = await listen({ budget });
  const client = await RawHttp2.open(port);
  closers.push(() => client.close());
  for (let i = 0; i < 7; i += 1) client.sendFrame(frame(HEADERS, END_HEADERS | END_STREAM, 2 * i + 1, BOMB));
  client.sendFrame(frame(HEADERS, END_HEADERS | END_STREAM, 20_001, BOMB));
  await client.ping();
  for (let i = 0; i < 8; i += 1) budget.sweep();
  await client.ping();
  expect(client.isOver).toBe(false);
});

test("a client that never reads what the server wrote is disconnected", async () => {
  const budget = new Budget();
  const answer = (exchange: ServerExchange): void => {
    exchange.respond(200, []);
    exchange.onDrain = () => {
      while (exchange.write(new Uint8Array(1 << 20)));
    };
    exchange.onDrain();
  };
  const { listener, port } = await listen({ budget, stallTimeout: 300, onExchange: answer });
  const client = await RawHttp2.open(port, 0x7fff_ffff);
  closers.push(() => client.close());
  client.openWindow(0, 0x7fff_0000 - 65_535);
  const stream = client.request("GET");
  await client.received(stream, 1);
  client.pause();
  // The server's write cannot end, so that only a reset closes the connection: `close` waits for it.
  await listener.close(600_000);
});
