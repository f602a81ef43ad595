/** PRIORITY_UPDATE over HTTP/2 (RFC 9218 §7.1), on a listener that reads it, and on one that does not. */

import { afterEach, describe, expect, test, vi } from "vitest";
import type { Priority } from "../../http/priority/index.ts";
import { loadIdentity } from "../certificates/identity.ts";
import type { ServerExchange } from "./exchange.ts";
import { TcpListener } from "./tcp-listener.ts";
import { frame } from "./testing/http2-frames.ts";
import { localhostIdentity } from "./testing/identities.ts";
import { RawHttp2 } from "./testing/raw-http2.ts";

const PROTOCOL_ERROR = 1;
const FRAME_SIZE_ERROR = 6;
const ENHANCE_YOUR_CALM = 11;

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function start(http2PriorityUpdate: boolean) {
  const exchanges: ServerExchange[] = [];
  const listener = new TcpListener({
    identities: [loadIdentity(localhostIdentity)],
    onExchange: (exchange) => exchanges.push(exchange),
    http2PriorityUpdate,
  });
  closers.push(() => listener.close(0));
  const { port } = await listener.listen(0, "127.0.0.1");
  const client = await RawHttp2.open(port, 64 * 1024 * 1024);
  closers.push(() => client.close());
  client.openWindow(0, 64 * 1024 * 1024);
  const arrived = (count: number): Promise<void> => vi.waitFor(() => expect(exchanges).toHaveLength(count), 5_000);
  return { client, exchanges, arrived };
}

describe("a listener that reads it", () => {
  test("says so in its first SETTINGS (§2.1)", async () => {
    const { client, arrived } = await start(true);
    client.request("GET");
    await arrived(1);
    await vi.waitFor(() => expect(client.settings?.includes(Buffer.from("000900000001", "hex"))).toBe(true), 5_000);
  });

  test("obeys it before the request, and while the response is sent; the newest counts", async () => {
    const { client, exchanges, arrived } = await start(true);
    client.reprioritize(1, "u=7");
    client.reprioritize(1, "u=1, i");
    client.request("GET", "u=5");
    await arrived(1);
    const [exchange] = exchanges;
    expect(exchange!.priority).toEqual({ urgency: 1, incremental: true });
    const changes: Priority[] = [];
    exchange!.onPriority = (priority) => changes.push(priority);
    exchange!.respond(200, [["priority", "i=?0"]]);
    client.reprioritize(1, "u=6, i");
    client.reprioritize(1, "rubbish,,");
    client.reprioritize(1, "");
    await vi.waitFor(() => expect(changes).toHaveLength(2), 5_000);
    expect(changes).toEqual([
      { urgency: 6, incremental: false },
      { urgency: 3, incremental: false },
    ]);
    exchange!.end(new Uint8Array(300_000));
    expect(await client.end(1, false)).toMatchObject({ bytes: 300_000, endStream: true });
    // Of a closed stream.
    client.reprioritize(1, "u=0");
    client.request("GET");
    await arrived(2);
    expect(exchanges[1]!.priority).toEqual({ urgency: 3, incremental: false });
    expect(exchanges[1]!.remoteAddress).toMatchObject({ address: "127.0.0.1" });
    expect(exchanges[1]!.tls?.alpnProtocol).toBe("h2");
  });

  test("sends content by it", async () => {
    const { client, exchanges, arrived } = await start(true);
    client.requests("GET", ["u=0", "u=7", "u=3"]);
    client.reprioritize(3, "u=0");
    client.reprioritize(1, "u=7");
    await arrived(3);
    await vi.waitFor(() => expect(exchanges[0]!.priority?.urgency).toBe(7), 5_000);
    for (const exchange of exchanges) {
      exchange.respond(200, []);
      exchange.end(new Uint8Array(512 * 1024));
    }
    for (const id of [1, 3, 5]) expect(await client.end(id, false)).toMatchObject({ bytes: 512 * 1024 });
    const { order } = client;
    expect(order.lastIndexOf(3)).toBeLessThan(order.indexOf(5));
    expect(order.at(-1)).toBe(1);
  });

  const update = (stream: number, ...payload: number[]): Uint8Array => frame(0x10, 0, stream, Buffer.from(payload));

  test.each([
    ["on a stream", update(1, 0, 0, 0, 1), PROTOCOL_ERROR],
    ["of stream 0", update(0, 0, 0, 0, 0), PROTOCOL_ERROR],
    ["of an idle push", update(0, 0, 0, 0, 2), PROTOCOL_ERROR],
    ["of three bytes", update(0, 0, 0, 1), FRAME_SIZE_ERROR],
    ["of 2 kB", frame(0x10, 0, 0, Buffer.alloc(2048, 1)), ENHANCE_YOUR_CALM],
  ])("ends the connection for a frame %s", async (_what, bytes, code) => {
    const { client, arrived } = await start(true);
    client.request("GET");
    await arrived(1);
    client.sendFrame(bytes);
    expect(await client.whenOver()).toBe(code);
  });

  test("ends the connection for more streams than may be open", async () => {
    const { client } = await start(true);
    for (let id = 1; id <= 2 * 257; id += 2) client.reprioritize(id, "u=1");
    expect(await client.whenOver()).toBe(PROTOCOL_ERROR);
  });
});

test("any other listener ignores the frame, and does not offer it", async () => {
  const { client, exchanges, arrived } = await start(false);
  client.reprioritize(1, "u=1");
  client.request("GET", "u=5");
  await arrived(1);
  expect(exchanges[0]!.priority).toEqual({ urgency: 5, incremental: false });
  exchanges[0]!.respond(200, [], { endStream: true });
  await client.end(1, false);
  expect(client.settings!.includes(Buffer.from("000900000001", "hex"))).toBe(false);
});
