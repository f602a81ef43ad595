import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { createClient } from "../../client/index.ts";
import { emitMessage, parseMessage, queryMessage } from "../../dns/index.ts";
import { loadIdentity } from "../../host/certificates/index.ts";
import { DnsResolver } from "../../host/dns/resolver.ts";
import { localhostIdentity } from "../../host/http/testing/identities.ts";
import { DnsService, zoneFileOf } from "./index.ts";

const folder = mkdtempSync(join(tmpdir(), "nagare-dns-"));
const file = join(folder, "example.test.zone");
const zone = (serial: number, lines = ""): string =>
  `$TTL 90\n@ SOA ns h ${serial} 2 3 4 30\n@ NS ns\nwww A 192.0.2.${serial}\n${lines}`;
const logged: string[] = [];
let service: DnsService;

beforeAll(async () => {
  writeFileSync(file, zone(1));
  service = await DnsService.start({
    zones: [zoneFileOf(file)],
    host: "127.0.0.1",
    port: 0,
    httpsPort: 0,
    identity: loadIdentity(localhostIdentity),
    watch: true,
    log: (line) => logged.push(line),
    onFault: ({ error }) => {
      throw error;
    },
  });
});
afterAll(async () => {
  await service[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true });
});

const query = (name: string): Uint8Array<ArrayBuffer> =>
  Uint8Array.from(emitMessage(queryMessage(0, { name, type: 1 })));
const headers = { "content-type": "application/dns-message" };

test.each(["http/1.1", "h2", "h3"] as const)("DNS over HTTPS, over %s", async (version) => {
  await using client = createClient({ protocols: [version], ca: localhostIdentity.cert, resolve: () => ["127.0.0.1"] });
  const url = service.addresses.url!.replace("127.0.0.1", "localhost");
  const text = Buffer.from(query("www.example.test.")).toString("base64url");
  for (const response of [
    await client.fetch(url, { method: "POST", headers, body: query("www.example.test.") }),
    await client.fetch(`${url}?dns=${text}`),
  ]) {
    expect(response.headers.get("content-type")).toBe("application/dns-message");
    // RFC 8484 §5.1.
    expect(response.headers.get("cache-control")).toBe("max-age=90");
    const message = parseMessage(new Uint8Array(await response.arrayBuffer()));
    expect(message.answers).toMatchObject([{ name: "www.example.test.", data: { type: "A" } }]);
  }
  const absent = await client.fetch(url, { method: "POST", headers, body: query("absent.example.test.") });
  expect([absent.status, absent.headers.get("cache-control")]).toEqual([200, "max-age=30"]);
  await absent.body?.cancel();
  for (const [status, path, init] of [
    [400, url, {}],
    [400, `${url}?dns=a+b`, {}],
    [400, `${url}?dns=AAAA`, {}],
    [405, url, { method: "PUT", body: "x" }],
    [413, url, { method: "POST", headers, body: new Uint8Array(70_000) }],
    [415, url, { method: "POST", body: query("www.example.test.") }],
    [404, url.replace("dns-query", "other"), {}],
  ] as const) {
    const response = await client.fetch(path, init);
    expect(response.status, `${path} ${JSON.stringify(init)}`).toBe(status);
    await response.body?.cancel();
  }
});

test("a changed file is loaded, and a broken one leaves the previous zones in use", async () => {
  const addressOf = async (): Promise<unknown> => {
    const { port } = service.addresses;
    // A resolver of its own each time: the answer is cached.
    const resolver = new DnsResolver({ servers: [{ protocol: "udp", address: "127.0.0.1", port }], timeout: 60_000 });
    const answer = await resolver.resolve("www.example.test.", 1);
    return answer.kind === "records" ? answer.records[0]!.data : answer.kind;
  };
  writeFileSync(file, zone(2));
  await vi.waitUntil(() => logged.includes("nagare: zone example.test. has serial 2"), { timeout: 20_000 });
  expect(await addressOf()).toMatchObject({ address: "192.0.2.2" });
  writeFileSync(file, zone(3, "www CNAME other"));
  await service.reload();
  expect(logged.at(-1)).toContain(`${file}: www.example.test. has a CNAME record, and A beside it`);
  writeFileSync(file, zone(4, "www NONSENSE"));
  await service.reload();
  expect(logged.at(-1)).toContain(`${file}: line 5: NONSENSE is not a record type`);
  expect(await addressOf()).toMatchObject({ address: "192.0.2.2" });
});

test("zones are named by their files, or before them", () => {
  expect(zoneFileOf("zones/db.Example.test")).toEqual({ path: "zones/db.Example.test", origin: "Example.test." });
  expect(zoneFileOf("example.test.=a/b=c.txt")).toEqual({ path: "a/b=c.txt", origin: "example.test." });
  expect(() => zoneFileOf("zones/main.txt")).toThrow("which zone is it? Write example.test=zones/main.txt");
  expect(() => zoneFileOf("a..b=main.txt")).toThrow("a label is empty");
});
