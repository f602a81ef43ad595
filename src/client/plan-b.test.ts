// Plan B of alternative services (draft-thomson-httpbis-alt-svcb-01): from the field to the records of the origin, and back.
import { afterAll, beforeAll, beforeEach, expect, test, vi } from "vitest";
import { parseRecord } from "../dns/index.ts";
import { type Server, serve } from "../edge/index.ts";
import { makeAuthority } from "../host/client/testing/certificates.ts";
import { type Client, type ClientOptions, createClient, type Resolver } from "./index.ts";

const authority = makeAuthority();
let first: Server;
let second: Server;
let field: string;
/** Of the second server. */
let status: number;
let heads: number;
let records: string[];
let port: number;

beforeAll(async () => {
  const tls = authority.issue({ names: ["a.example.test"] });
  const common = {
    port: 0,
    host: "127.0.0.1",
    tls,
    log: () => {},
    protocols: ["h2", "http/1.1"] as const,
    altSvc: { advertise: false },
  };
  first = await serve(common, () => new Response("first", { headers: { "alt-svcb": field } }));
  second = await serve(common, ({ method }) => {
    if (method === "HEAD") heads += 1;
    return new Response(method === "HEAD" ? null : "second", { status });
  });
  ({ port } = first);
});
afterAll(async () => {
  await first.close({ timeout: 0 });
  await second.close({ timeout: 0 });
});

const own = (): string => `_${port}._https.a.example.test. 60 HTTPS 1 a.example.test. alpn=http/1.1`;
const ofOrigin = (): string =>
  `_${port}._https.a.example.test. 60 HTTPS 9 b.example.test. alpn=http/1.1 port=${second.port} mandatory=alt-only alt-only`;
const ofName = (): string =>
  `b.example.test. 60 HTTPS 1 . alpn=http/1.1 port=${second.port} mandatory=alt-only alt-only`;

beforeEach(() => {
  field = '"b.example.test"';
  [status, heads] = [200, 0];
  records = [own(), ofOrigin(), ofName(), "a.example.test. 60 A 127.0.0.1", "b.example.test. 60 A 127.0.0.1"];
});

const resolver: Resolver = {
  async resolve(name, type) {
    const found = records.map((each) => parseRecord(each)).filter((each) => each.name === name && each.type === type);
    if (found.length === 0) return { kind: "none", why: "no-data", from: "network" };
    return { kind: "records", name, records: found, from: "network" };
  },
};
const open = (options: ClientOptions = {}): Client =>
  createClient({
    ca: authority.ca,
    resolver,
    protocols: ["http/1.1"],
    idleTimeout: 1,
    happyEyeballs: { resolutionDelay: 20_000 },
    experimental: { altSvcb: true },
    ...options,
  });
/** Over a connection of its own. */
async function get(client: Client): Promise<string> {
  await vi.waitFor(() => expect(client.connections()).toEqual([]), { timeout: 20_000, interval: 2 });
  return (await client.fetch(`https://a.example.test:${port}/`)).text();
}
const hasMoved = (client: Client): Promise<void> =>
  vi.waitFor(async () => expect(await get(client)).toBe("second"), { timeout: 20_000, interval: 5 });

test("a name is tried once; then the origin's record with its target is preferred, until it is gone", async () => {
  await using client = open();
  expect(await get(client)).toBe("first");
  await hasMoved(client);
  expect(heads).toBe(1);
  records = [own(), ...records.slice(2)];
  expect(await get(client)).toBe("first");
});

test("a service that cannot be reached is forgotten", async () => {
  await using client = open();
  await get(client);
  await hasMoved(client);
  records = records.map((each) => (each === ofOrigin() ? each.replace(`port=${second.port}`, "port=1") : each));
  field = "";
  expect(await get(client)).toBe("first");
  records = records.map((each) => each.replace("port=1 ", `port=${second.port} `));
  expect(await get(client)).toBe("first");
});

test.each<[string, () => void, number]>([
  ["without a record of the name", () => void (records = records.filter((each) => each !== ofName())), 0],
  ["with a 404", () => void (status = 404), 1],
  ["with a 421", () => void (status = 421), 1],
])("%s, nothing is remembered", async (_what, change, asked) => {
  change();
  await using client = open();
  expect(await get(client)).toBe("first");
  await vi.waitFor(() => expect(heads).toBe(asked), { timeout: 20_000 });
  await new Promise(setImmediate);
  expect(await get(client)).toBe("first");
  expect(heads).toBe(asked);
});

test("without the option, the field and records with alt-only say nothing; with it, records are needed", async () => {
  await using client = open({ experimental: {} });
  for (const _ of [1, 2]) expect(await get(client)).toBe("first");
  expect(heads).toBe(0);
  expect(() => createClient({ experimental: { altSvcb: true } })).toThrow("needs HTTPS records");
});
