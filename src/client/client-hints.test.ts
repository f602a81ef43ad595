// The client's hints (RFC 8942, Critical-CH, Sec-CH-IP-Geo), and what it tells about resources that end.
import { channel } from "node:diagnostics_channel";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { type Server, serve } from "../edge/index.ts";
import { TRANSPORTS } from "../edge/transports.ts";
import { loadIdentity } from "../host/certificates/identity.ts";
import { ownPublicAddresses } from "../host/client/routes.ts";
import { makeAuthority } from "../host/client/testing/certificates.ts";
import { emitAcceptChFrame, emitHttp2Frame } from "../http/index.ts";
import { type ClientOptions, createClient, type ResourceNotice } from "./index.ts";
import { geoHintFrom } from "./ip-geo.ts";

const authority = makeAuthority();
const GEO = "192.0.2.0/24,BR,BR-SP,São Paulo,01000";
/** The same about the address by which this machine leaves its network. */
const OWN_GEO = GEO.replace("192.0.2.0/24", ownPublicAddresses()[0] ?? "192.0.2.0/24");
const HINT = '"BR,BR-SP,Sao Paulo"';
/** The method and the hint of each request. */
let seen: (readonly [method: string, hint: string | null])[] = [];
let server: Server;
const plain = createServer((request, response) => {
  seen.push([request.method!, (request.headers["sec-ch-ip-geo"] as string | undefined) ?? null]);
  response.setHeader("accept-ch", "Sec-CH-IP-Geo").end();
});

/** A request's query is the response's fields, as JSON. */
beforeAll(async () => {
  const tls = authority.issue({ names: ["a.example.test", "b.example.test"] });
  server = await serve({ port: 0, host: "127.0.0.1", tls, log: () => {} }, (request) => {
    seen.push([request.method, request.headers.get("sec-ch-ip-geo")]);
    const { search } = new URL(request.url);
    const fields: [string, string][] = search === "" ? [] : JSON.parse(decodeURIComponent(search.slice(1)));
    const status = fields.some(([name]) => name === "location") ? 302 : 200;
    return new Response("", { status, headers: fields });
  });
  await new Promise<void>((resolve) => plain.listen(0, "127.0.0.1", resolve));
});
afterAll(async () => {
  plain.close();
  await server.close({ timeout: 0 });
});

const at = (host: string, fields: readonly (readonly [string, string])[] = [], path = "/"): string =>
  `https://${host}.example.test:${server.port}${path}${fields.length === 0 ? "" : `?${encodeURIComponent(JSON.stringify(fields))}`}`;
const open = (options: ClientOptions) =>
  createClient({ ca: authority.ca, resolve: () => ["127.0.0.1"], protocols: ["h2"], ...options });
const ASK = ["accept-ch", "Sec-CH-IP-Geo, Sec-CH-UA"] as const;
const CRITICAL = ["critical-ch", "Sec-CH-IP-Geo"] as const;

describe("Sec-CH-IP-Geo from an entry of a geofeed", () => {
  test.each(["http/1.1", "h2", "h3"] as const)(
    "over %s: only to an origin that asks, as long as it asks",
    async (protocol) => {
      await using client = open({ ipGeo: OWN_GEO, protocols: [protocol] });
      const ask = async (url: string, method = "GET") => {
        seen = [];
        await (await client.fetch(url, { method })).text();
        return seen;
      };
      expect(await ask(at("a", [ASK]))).toEqual([["GET", null]]);
      expect(await ask(at("a"), "POST")).toEqual([["POST", HINT]]);
      expect(await ask(at("b"))).toEqual([["GET", null]]);
      // A redirect to another origin does not take it along.
      expect(await ask(at("a", [["location", at("b")]]))).toEqual([
        ["GET", HINT],
        ["GET", null],
      ]);
      // A new list replaces the old one, and what is no list asks for nothing.
      expect(await ask(at("a", [["accept-ch", "Sec-CH-UA"]]))).toEqual([["GET", HINT]]);
      expect(await ask(at("a"))).toEqual([["GET", null]]);
    },
  );

  test("a critical hint repeats a safe request, once; one that would not be sent does not", async () => {
    const ask = async (options: ClientOptions, url: string, method = "GET") => {
      await using client = open(options);
      seen = [];
      await (await client.fetch(url, { method })).text();
      return seen;
    };
    const url = at("a", [ASK, CRITICAL]);
    const options = { ipGeo: OWN_GEO };
    expect(await ask(options, url)).toEqual([
      ["GET", null],
      ["GET", HINT],
    ]);
    expect(await ask(options, url, "POST")).toEqual([["POST", null]]);
    expect(await ask(options, at("a", [CRITICAL]))).toEqual([["GET", null]]);
    expect(await ask({ clientHints: { "Sec-CH-UA": '"x"' } }, url)).toEqual([["GET", null]]);
    // A thousand hints: those beyond the first 64 are ignored, and nothing is repeated for them.
    const many = [...Array.from({ length: 1_000 }, (_, i) => `h${i}`), "Sec-CH-IP-Geo"].join(", ");
    expect(
      await ask(
        options,
        at("a", [
          ["accept-ch", many],
          ["critical-ch", many],
        ]),
      ),
    ).toEqual([["GET", null]]);
    for (const broken of ['"Sec-CH-IP-Geo"', "Sec-CH-IP-Geo,", "(Sec-CH-IP-Geo)", "Sec-CH-IP-Ge\u00f6"]) {
      expect(await ask(options, at("a", [["accept-ch", broken], CRITICAL]))).toEqual([["GET", null]]);
    }
  });

  test("http gets none", async () => {
    await using client = open({ ipGeo: OWN_GEO, protocols: ["http/1.1"] });
    const url = `http://a.example.test:${(plain.address() as AddressInfo).port}/`;
    seen = [];
    for (const _ of [1, 2]) await (await client.fetch(url)).text();
    expect(seen).toEqual([
      ["GET", null],
      ["GET", null],
    ]);
  });

  test("the value is about the address by which the machine leaves", () => {
    const from = (text: string, own: string[], isElsewhere = false): string | undefined =>
      geoHintFrom(text, isElsewhere, undefined, () => own)();
    expect(from(GEO, [])).toBe(HINT); // behind NAT
    expect(from(GEO, ["192.0.2.7", "2001:db8::1"])).toBe(HINT);
    expect(from(GEO, ["198.51.100.7"])).toBeUndefined(); // the machine has moved
    expect(from(GEO, ["198.51.100.7"], true)).toBe(HINT); // through a proxy, whose address counts
    const feed = "# ours\n192.0.2.0/24,US,,,\n2001:db8::/32,PL,PL-MZ,,\n";
    expect([from(feed, ["2001:db8::1"]), from(feed, [])]).toEqual(['"PL,PL-MZ"', undefined]);
    expect(from("192.0.2.0/24,,,,", [])).toBe('""');
    const local = { name: "net0", address: (family: 4 | 6) => (family === 4 ? "192.0.2.7" : undefined) };
    expect(geoHintFrom(feed, false, local, () => ["2001:db8::1", "192.0.2.7"])()).toBe('"US"');
    for (const broken of [
      "",
      "US,US-AL,Alabaster",
      "10.0.0.0/8,US,,,",
      "192.0.2.1/24,US,,,",
      "192.0.2.0/24,USA,,,",
      "192.0.2.0/24,US,CA-BC,,",
    ]) {
      expect(() => createClient({ ipGeo: broken }), broken).toThrow("ipGeo");
    }
    expect(() => createClient({ ipGeo: `${GEO}\n`.repeat(100_000) })).toThrow("too long");
  });
});

describe("resources that end", () => {
  const DEPRECATED = ["deprecation", "@1688169599"] as const;
  const SUNSET = ["sunset", "Sun, 30 Jun 2024 23:59:59 GMT"] as const;
  const LINKS = [
    "link",
    '</policy>; rel="sunset", <https://docs.test/>; rel=deprecation, <javascript:x>; rel="successor-version"',
  ] as const;

  test.each(["http/1.1", "h2", "h3"] as const)(
    "over %s: told once for each resource, with its links",
    async (protocol) => {
      const told: ResourceNotice[] = [];
      const published: unknown[] = [];
      const onMessage = (message: unknown): void => void published.push(message);
      channel("nagare:client:notice").subscribe(onMessage);
      await using client = open({ protocols: [protocol], onNotice: (notice) => told.push(notice) });
      const ask = async (fields: readonly (readonly [string, string])[], path = "/"): Promise<void> =>
        void (await (await client.fetch(at("a", fields, path))).text());
      await ask([DEPRECATED, SUNSET, LINKS]);
      const notice: ResourceNotice = {
        url: at("a"),
        deprecation: 1_688_169_599_000,
        deprecationLink: "https://docs.test/",
        sunset: 1_719_791_999_000,
        sunsetLink: `${at("a")}policy`,
        problems: [],
      };
      expect(told).toEqual([notice]);
      await ask([DEPRECATED, SUNSET, LINKS, ["x-other", "1"]]);
      expect(told).toHaveLength(1);
      await ask([DEPRECATED], "/other");
      await ask([["link", '</next>; rel="successor-version"']], "/next");
      await ask([["sunset", "soon"]]);
      expect(told.slice(1)).toEqual([
        { url: at("a", [], "/other"), deprecation: notice.deprecation, problems: [] },
        { url: at("a"), problems: [expect.stringContaining("is not an HTTP date")] },
      ]);
      channel("nagare:client:notice").unsubscribe(onMessage);
      expect(published).toEqual(told);
    },
  );

  test("what the caller's function throws is the request's error", async () => {
    const onNotice = (): never => {
      throw new RangeError("mine");
    };
    await using client = open({ onNotice });
    await expect(client.fetch(at("a", [SUNSET]))).rejects.toThrow("mine");
  });
});

test.each(["h2", "h3"] as const)(
  "over %s: an ACCEPT_CH frame asks for hints of later requests of the connection",
  async (over) => {
    const asked = [[`https://a.example.test`, "Sec-CH-UA"]] as const;
    const frames = { h2: [emitHttp2Frame(emitAcceptChFrame(asked, 2))], h3: [emitAcceptChFrame(asked, 3)] };
    const create = await TRANSPORTS.find(({ transport }) => transport === (over === "h3" ? "udp" : "tcp"))!.load();
    const listener = create({
      identities: [loadIdentity(authority.issue({ names: ["a.example.test"] }))],
      onExchange: (exchange) => {
        const hint = exchange.fields.find(([name]) => name === "sec-ch-ua")?.[1] ?? "none";
        exchange.respond(200, [["x-hint", hint]], { endStream: true });
      },
      connectionFrames: frames,
    });
    const { port } = await listener.listen(0, "127.0.0.1");
    try {
      await using client = open({
        protocols: [over],
        clientHints: { "Sec-CH-UA": '"x"' },
        connectTo: () => ({ host: "127.0.0.1", port }),
      });
      const ask = async (): Promise<string | null> =>
        (await client.fetch("https://a.example.test/")).headers.get("x-hint");
      await vi.waitFor(async () => expect(await ask()).toBe('"x"'), { timeout: 20_000, interval: 1 });
    } finally {
      await listener.close(0);
    }
  },
);
