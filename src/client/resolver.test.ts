// The client's option `resolver`, and the http URLs that HTTPS records turn into https (RFC 9460 §9.5).
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parseRecord } from "../dns/index.ts";
import { type Server, serve } from "../edge/index.ts";
import { makeAuthority } from "../host/client/testing/certificates.ts";
import { nameServer } from "../host/dns/testing/name-server.ts";
import { type Answer, type Client, type ClientOptions, createClient, createResolver, type Resolver } from "./index.ts";

const authority = makeAuthority();
const NONE: Answer = { kind: "none", why: "no-data", from: "network" };
let server: Server;
let port: number;
const plain = createServer((request, response) => response.end(`http ${request.headers.authorization ?? ""}`));
let plainPort: number;

beforeAll(async () => {
  const tls = authority.issue({ names: ["a.example.test", "localhost"] });
  server = await serve({ port: 0, host: "127.0.0.1", tls, log: () => {} }, (request, { protocol }) => {
    return new Response(`${protocol} ${request.headers.get("authorization") ?? ""}`);
  });
  ({ port } = server);
  await new Promise<void>((resolve) => plain.listen(0, "127.0.0.1", resolve));
  plainPort = (plain.address() as AddressInfo).port;
});
afterAll(async () => {
  plain.close();
  await server.close({ timeout: 0 });
});

/** A resolver that knows these records, and the questions that it was asked. */
function knowing(records: readonly string[], fail?: (type: number) => Answer | Error | undefined) {
  const asked: string[] = [];
  const known = records.map((each) => parseRecord(each));
  const resolver: Resolver = {
    async resolve(name, type) {
      asked.push(`${name} ${type}`);
      const failure = fail?.(type);
      if (failure instanceof Error) throw failure;
      const found = known.filter((each) => each.name === name && each.type === type);
      return failure ?? (found.length === 0 ? NONE : { kind: "records", name, records: found, from: "network" });
    },
  };
  return { asked, resolver };
}

async function ask(url: string, options: ClientOptions, headers: Record<string, string> = {}) {
  await using client: Client = createClient({
    ca: authority.ca,
    happyEyeballs: { resolutionDelay: 20_000 },
    ...options,
  });
  const response = await client.fetch(url, { headers, signal: AbortSignal.timeout(20_000) });
  const { upgradedBy, remoteAddress } = client.facts(response)!;
  return { text: await response.text(), url: response.url, upgradedBy, remoteAddress };
}

const A = "a.example.test. 60 A 127.0.0.1";

describe("a resolver in place of the system", () => {
  test("is asked for all three types, and localhost stays this machine", async () => {
    const { asked, resolver } = knowing([A, `_${port}._https.a.example.test. 60 HTTPS 1 . alpn=h2`]);
    expect((await ask(`https://a.example.test:${port}/`, { resolver })).text).toBe("h2 ");
    expect(asked).toEqual(expect.arrayContaining(["a.example.test. 1", `_${port}._https.a.example.test. 65`]));
    const local = await ask(`https://localhost:${port}/`, {
      resolver: knowing(["localhost. 60 A 192.0.2.1"]).resolver,
      protocols: ["h2"],
    });
    expect(local.remoteAddress).toBe("127.0.0.1");
  });

  test("`resolve` comes first, and httpsRecords: false leaves records out", async () => {
    const { asked, resolver } = knowing([]);
    const options = { resolver, resolve: () => ["127.0.0.1"], happyEyeballs: { httpsRecords: false } };
    expect((await ask(`https://a.example.test:${port}/`, options)).text).toMatch(/^h/);
    expect(asked).toEqual([]);
  });

  test("requests at the same time ask each question once", async () => {
    const { asked, resolver } = knowing([A]);
    await using client = createClient({
      ca: authority.ca,
      resolver,
      protocols: ["http/1.1"],
      happyEyeballs: { httpsRecords: false },
    });
    const all = Array.from({ length: 8 }, () => client.fetch(`https://a.example.test:${port}/`));
    for (const response of await Promise.all(all)) await response.text();
    expect(asked.filter((each) => each.endsWith(" 1"))).toHaveLength(1);
  });

  test("its failure is the request's, with the reason", async () => {
    const url = `https://a.example.test:${port}/`;
    const failed = knowing([], () => ({ kind: "failed", failures: ["192.0.2.53: SERVFAIL"] })).resolver;
    await expect(ask(url, { resolver: failed })).rejects.toMatchObject({
      code: "NAME_NOT_FOUND",
      message: "cannot look up a.example.test: 192.0.2.53: SERVFAIL",
    });
    const thrown = knowing([], () => new Error("broken")).resolver;
    await expect(ask(url, { resolver: thrown })).rejects.toMatchObject({ code: "NAME_NOT_FOUND" });
    // RFC 9460 §3.1: an attacker who suppresses an answer that cannot be forged must not downgrade the client.
    const suppressed = knowing([A], (type) =>
      type === 65 ? { kind: "failed", failures: ["no answer"] } : undefined,
    ).resolver;
    expect((await ask(url, { resolver: suppressed })).text).toMatch(/^h/);
    await expect(ask(url, { resolver: { ...suppressed, isProtected: true } })).rejects.toThrow();
  });

  test("createResolver asks name servers, and refuses what is none", async () => {
    await using dns = await nameServer([A]);
    await using resolver = createResolver({ servers: [`127.0.0.1:${dns.udp.port}`] });
    expect((await ask(`https://a.example.test:${port}/`, { resolver, protocols: ["h2"] })).text).toBe("h2 ");
    expect(dns.queries.length).toBeGreaterThan(0);
    for (const text of [
      "dns.example",
      "ftp://192.0.2.1",
      "tls://192.0.2.1/x",
      "https://a b/",
      "udp://192.0.2.1:0",
      "",
    ]) {
      expect(() => createResolver({ servers: [text] }), text).toThrow("not a name server");
    }
    expect(() => createResolver({ servers: [] })).toThrow("at least one");
  });
});

describe("an http URL (RFC 9460 §9.5)", () => {
  const service = (at: number): string => `_${at}._https.a.example.test. 60 HTTPS`;

  test.each([
    ["a compatible record", () => `${service(port)} 1 . alpn=h2`],
    ["an alias", () => `${service(port)} 0 a.example.test.`],
  ])("goes over TLS with %s, and without credentials, as after a 307", async (_what, record) => {
    const { resolver } = knowing([A, record()]);
    const headers = { authorization: "Basic eDp5" };
    const target = `http://a.example.test:${port}/`;
    const answer = await ask(target, { resolver }, headers);
    expect(answer).toMatchObject({ url: `https://a.example.test:${port}/`, upgradedBy: "https-records" });
    expect(answer.text).toMatch(/^h\S+ $/);
    // A certificate that does not hold is an error, and no way back to http.
    await expect(ask(target, { resolver, ca: undefined })).rejects.toThrow("ask for https");
  });

  test.each<[string, string, ((type: number) => Answer | undefined)?]>([
    ["no record", ""],
    ["a record for others", "1 . alpn=h2 key667=x mandatory=key667"],
    ["a service that does not exist", "0 ."],
    ["a record for another protocol", "1 . alpn=h2 no-default-alpn mandatory=alpn,key9999 key9999=x"],
    [
      "name servers that fail",
      "1 . alpn=h2",
      (type) => (type === 65 ? { kind: "failed", failures: ["SERVFAIL"] } : undefined),
    ],
  ])("stays http with %s", async (_what, record, fail) => {
    const { resolver } = knowing(record === "" ? [A] : [A, `${service(plainPort)} ${record}`], fail);
    const answer = await ask(`http://a.example.test:${plainPort}/`, { resolver }, { authorization: "Basic eDp5" });
    expect(answer).toMatchObject({ text: "http Basic eDp5", upgradedBy: undefined });
  });

  test("an answer that comes too late counts for the next request, and only while it is fresh", async () => {
    let answer = (): void => {};
    const late = new Promise<void>((resolve) => {
      answer = resolve;
    });
    const { resolver } = knowing([A, `${service(plainPort)} 1 . alpn=h2`]);
    const slow: Resolver = {
      resolve: async (name, type) => {
        if (type === 65) await late;
        return resolver.resolve(name, type);
      },
    };
    await using client = createClient({ ca: authority.ca, resolver: slow, happyEyeballs: { resolutionDelay: 0 } });
    const url = `http://a.example.test:${plainPort}/`;
    expect(await (await client.fetch(url)).text()).toBe("http ");
    answer();
    await new Promise(setImmediate);
    // Nothing speaks TLS there.
    await expect(client.fetch(url)).rejects.toThrow("ask for https");
    client.networkChanged();
    expect(await (await client.fetch(url)).text()).toBe("http ");
  });
});
