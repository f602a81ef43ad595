// What a client keeps of alternative services, and what one that does not work costs.
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { type Server, serve } from "../edge/index.ts";
import { testCertificate } from "../host/client/testing/servers.ts";
import { type AltSvcEntry, AltSvcStore, type Client, type ClientOptions, createClient } from "./index.ts";

const HOUR = 3_600_000;
const { authority, issued } = testCertificate();
let server: Server;
let headers: Record<string, string> = {};
/** The origin, which speaks HTTP/2 only, and another server. */
let url: string;
let alternative: Server;
const clients: Client[] = [];

beforeAll(async () => {
  const common = { port: 0, host: "127.0.0.1", ...issued, log: () => {} };
  const altSvc = { advertise: false };
  server = await serve(
    { ...common, protocols: ["h2"], altSvc },
    (_, { protocol }) => new Response(protocol, { headers }),
  );
  alternative = await serve({ ...common, altSvc }, (_, { protocol }) => new Response(protocol));
  url = `https://localhost:${server.port}/`;
});
afterEach(async () => {
  headers = {};
  for (const client of clients.splice(0)) await client.destroy();
});
afterAll(async () => {
  await server.close({ timeout: 0 });
  await alternative.close({ timeout: 0 });
});

function open(altSvc: AltSvcStore, options: ClientOptions = {}): Client {
  const client = createClient({ ca: authority.ca, protocols: ["h2", "h3"], altSvc, ...options });
  clients.push(client);
  return client;
}
const entry = (port: number, more: Partial<AltSvcEntry> = {}): AltSvcEntry => ({
  host: "localhost",
  port: server.port,
  learnedOver: "h2",
  alternative: { protocol: "h3", host: "localhost", port },
  expires: Date.now() + HOUR,
  persists: false,
  ...more,
});
const fetchText = async (client: Client): Promise<string> => (await client.fetch(url)).text();

describe("a store of alternative services", () => {
  test("keeps what an origin advertises, with times since 1970, and another client follows it", async () => {
    headers = { "alt-svc": `h3=":${alternative.port}"; ma=60; persist=1, h2="alt.test:8"; ma=60` };
    const store = new AltSvcStore({ now: () => 5 as never, date: () => 1_000_000 });
    expect(await fetchText(open(store))).toBe("h2");
    const own = { host: "localhost", port: server.port, learnedOver: "h2", expires: expect.any(Number) };
    const kept = store.entries();
    expect(kept).toEqual([
      { ...own, persists: true, alternative: { protocol: "h3", host: "localhost", port: alternative.port } },
      { ...own, persists: false, alternative: { protocol: "h2", host: "alt.test", port: 8 } },
    ]);
    const later = new AltSvcStore();
    for (const each of kept) later.add({ ...each, expires: Date.now() + HOUR });
    await vi.waitFor(async () => expect(await fetchText(open(later))).toBe("h3"), { timeout: 20_000 });
  });

  test("times: what has expired is not added, and what is added expires at its own time", () => {
    let [now, date] = [0, 1_000];
    const store = new AltSvcStore({ now: () => now as never, date: () => date });
    store.add(entry(1, { expires: 1_000 }));
    store.add(entry(2, { expires: 3_000 }));
    expect(store.entries().map(({ expires, alternative: { port } }) => [expires, port])).toEqual([[3_000, 2]]);
    // The clock of the machine is put forward; the time that has passed is what counts.
    date += 10 * HOUR;
    now += 1_999_000;
    expect(store.entries()).toHaveLength(1);
    now += 1_000;
    expect(store.entries()).toEqual([]);
    store.add(entry(3, { expires: 1e300 }));
    for (let i = 0; i < 100; i += 1) store.add(entry(4, { expires: 1e300 }));
    expect(store.entries()).toHaveLength(32);
    store.add(entry(5, { host: "a b" }));
  });

  test("an impostor's word is not kept, nor one that is too old, nor what clearing cookies clears", async () => {
    const store = new AltSvcStore();
    headers = { "alt-svc": 'h3=":1"' };
    await fetchText(open(store, { ca: undefined, rejectUnauthorized: false }));
    expect(store.entries()).toEqual([]);
    await fetchText(open(store));
    expect(store.entries()).toHaveLength(1);
    headers = { "alt-svc": 'h3=":1"', age: `1${"0".repeat(30)}` };
    await fetchText(open(store));
    expect(store.entries()).toEqual([]);
    store.add(entry(1));
    headers = { "clear-site-data": '"cookies"' };
    await fetchText(open(store, { protocols: ["h2"] }));
    expect(store.entries()).toEqual([]);
  });

  test("another network keeps those that persist (RFC 7838 §2.2)", () => {
    const store = new AltSvcStore();
    store.add(entry(1));
    store.add(entry(2, { persists: true }));
    open(store).networkChanged();
    expect(store.entries().map((each) => each.alternative.port)).toEqual([2]);
  });
});

test.each(["refuses", "never answers"])("an alternative that %s costs one head start, once", async (how) => {
  const socket = createSocket("udp4");
  socket.bind(0, "127.0.0.1");
  await once(socket, "listening");
  const { port } = socket.address();
  if (how === "refuses") await new Promise<void>((resolve) => socket.close(resolve));
  const store = new AltSvcStore();
  store.add(entry(port));
  const options: ClientOptions = {
    protocols: ["h3", "h2"],
    resolve: () => ["127.0.0.1"],
    headStart: how === "refuses" ? 20_000 : 100,
  };
  const attemptsOf = async (client: Client) => {
    const response = await client.fetch(url);
    expect(await response.text()).toBe("h2");
    return client
      .facts(response)!
      .decisions.flatMap(({ event }) =>
        event.type === "race:attempt_started" ? [[event.endpoint.transport, event.endpoint.port, event.why]] : [],
      );
  };
  const client = open(store, options);
  expect(await attemptsOf(client)).toEqual([
    ["quic", port, "first"],
    ["tcp", server.port, how === "refuses" ? "failure" : "head start"],
  ]);
  // The connection serves the next request, whatever becomes of the attempt.
  expect(await attemptsOf(client)).toEqual([]);
  if (how === "never answers") {
    socket.close();
    return;
  }
  // Once it has failed, no client of the store tries it.
  expect(await attemptsOf(open(store, options))).toEqual([["tcp", server.port, "first"]]);
});
