// Plan B's server half and its frames (draft-thomson-httpbis-alt-svcb-01): the key altSvcb, ALTSVCB, Alt-Used, and Alt-Svc beside HTTPS records.
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { parseRecord } from "../dns/index.ts";
import { type Server, serve } from "../edge/index.ts";
import { makeAuthority } from "../host/client/testing/certificates.ts";
import { AltSvcStore, type Client, type ClientOptions, createClient, type Protocol, type Resolver } from "./index.ts";

const authority = makeAuthority();
const ORIGIN = "https://a.example.test";
let first: Server;
let second: Server;
/** Of the second server: method and Alt-Used. */
let used: string[] = [];
/** Of the first server. */
let fields: Record<string, string> = {};
/** Of the second server, to a GET. */
let status = 200;

beforeAll(async () => {
  const common = { port: 0, host: "127.0.0.1", tls: authority.issue({ names: ["a.example.test"] }), log: () => {} };
  first = await serve({ ...common, altSvcb: "B.example.test", origins: [ORIGIN] }, () => {
    return new Response("first", { headers: fields });
  });
  second = await serve({ ...common, altSvc: { advertise: false } }, ({ method, headers }) => {
    used.push(`${method} ${headers.get("alt-used")}`);
    return new Response(method === "HEAD" ? null : "second", { status: method === "HEAD" ? 200 : status });
  });
});
afterAll(async () => {
  await first.close({ timeout: 0 });
  await second.close({ timeout: 0 });
});

function open(protocol: Protocol, options: ClientOptions = {}): Client {
  const only = `mandatory=alt-only alt-only`;
  const records = [
    `_${first.port}._https.a.example.test. 60 HTTPS 1 a.example.test. alpn=${protocol}`,
    `_${first.port}._https.a.example.test. 60 HTTPS 9 b.example.test. alpn=${protocol} port=${second.port} ${only}`,
    `b.example.test. 60 HTTPS 1 . alpn=${protocol} port=${second.port} ${only}`,
    "a.example.test. 60 A 127.0.0.1",
    "b.example.test. 60 A 127.0.0.1",
  ].map((each) => parseRecord(each));
  const resolver: Resolver = {
    async resolve(name, type) {
      const found = records.filter((each) => each.name === name && each.type === type);
      if (found.length === 0) return { kind: "none", why: "no-data", from: "network" };
      return { kind: "records", name, records: found, from: "network" };
    },
  };
  [used, fields, status] = [[], {}, 200];
  return createClient({
    ca: authority.ca,
    resolver,
    protocols: [protocol],
    idleTimeout: 1,
    // The origin's own port is 443, as far as servers know.
    connectTo: (_host, port) => ({ host: "a.example.test", port: port === 443 ? first.port : port }),
    happyEyeballs: { resolutionDelay: 20_000 },
    experimental: { altSvcb: true },
    ...options,
  });
}

/** Over a connection of its own, if it is not over HTTP/3, whose connections last longer. */
async function get(client: Client): Promise<string> {
  if (client.connections()[0]?.protocol !== "h3")
    await vi.waitFor(() => expect(client.connections()).toEqual([]), { timeout: 20_000, interval: 2 });
  const response = await client.fetch(`${ORIGIN}/`);
  return `${await response.text()} ${response.headers.get("alt-svcb")}`;
}
const until = (client: Client, text: string): Promise<void> =>
  vi.waitFor(async () => expect(await get(client)).toContain(text), { timeout: 20_000, interval: 5 });

test.each(["h2", "h3"] as const)(
  "over %s: a frame alone names the service; its requests have Alt-Used",
  async (over) => {
    await using client = open(over);
    // The handler's own field counts, and says nothing.
    fields = { "alt-svcb": "" };
    expect(await get(client)).toBe("first ");
    const place = `b.example.test:${second.port}`;
    if (over === "h3") {
      await vi.waitFor(() => expect(used).toEqual([`HEAD ${place}`]), { timeout: 20_000 });
      return;
    }
    await until(client, "second");
    expect(new Set(used)).toEqual(new Set([`HEAD ${place}`, `GET ${place}`]));
    expect(used.filter((each) => each.startsWith("HEAD"))).toHaveLength(1);
    // A service that is not authoritative any more is forgotten, and the request goes to the origin.
    status = 421;
    expect(await get(client)).toBe("first ");
  },
);

test("HTTP/1.1 has the field; without the option, the frames and the field say nothing", async () => {
  await using following = open("http/1.1");
  expect(await get(following)).toBe('first "B.example.test"');
  await until(following, "second");
  for (const over of ["h2", "h3", "http/1.1"] as const) {
    await using client = open(over, { experimental: {} });
    for (const _ of [1, 2]) expect(await get(client)).toBe('first "B.example.test"');
    expect(used).toEqual([]);
  }
});

test("a client that has used HTTPS records ignores Alt-Svc, with the option", async () => {
  const entries = async (options: ClientOptions): Promise<number> => {
    const altSvc = new AltSvcStore();
    await using client = open("h2", { altSvc, ...options });
    fields = { "alt-svc": 'h3=":8443"', "alt-svcb": '"invalid"' };
    await get(client);
    return altSvc.entries().length;
  };
  expect(await entries({})).toBe(0);
  expect(await entries({ experimental: {} })).toBe(1);
});

test.each([
  ["", '"" is not a host name'],
  ["https://b.example", "is not a host name"],
  ["b.exämple", "is not a host name"],
])("serve refuses the name %j", async (altSvcb, why) => {
  await expect(serve({ port: 0, host: "127.0.0.1", altSvcb, log: () => {} }, () => new Response())).rejects.toThrow(
    why,
  );
});
