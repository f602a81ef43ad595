import { expect, test } from "vitest";
import { RECORD_TYPES } from "../../dns/index.ts";
import { httpsCarrier } from "./https.ts";
import { DnsResolver } from "./resolver.ts";
import { nameServer } from "./testing/name-server.ts";

const A = RECORD_TYPES.A.number;
const HTTPS = RECORD_TYPES.HTTPS.number;

test("records over UDP and TCP, aliases, absent names and absent types", async () => {
  await using server = await nameServer([
    "a.test. 300 A 192.0.2.1",
    "b.test. 300 CNAME a.test.",
    "a.test. 300 HTTPS 1 . alpn=h3,h2 port=8443",
  ]);
  for (const protocol of [server.udp, server.tcp]) {
    const resolver = new DnsResolver({ servers: [protocol] });
    const address = { data: { type: "A", address: "192.0.2.1" } };
    expect(await resolver.resolve("a.test.", A)).toMatchObject({ kind: "records", records: [address] });
    expect(await resolver.resolve("b.test.", A)).toMatchObject({
      kind: "records",
      name: "a.test.",
      records: [address],
    });
    expect(await resolver.resolve("a.test.", HTTPS)).toMatchObject({
      records: [{ data: { type: "HTTPS", priority: 1 } }],
    });
    expect(await resolver.resolve("none.test.", A)).toEqual({ kind: "none", why: "no-name", from: "network" });
    expect(await resolver.resolve("b.test.", HTTPS)).toMatchObject({ kind: "records" });
  }
});

test("an answer that is too large for UDP comes over TCP", async () => {
  const lines = Array.from({ length: 100 }, (_, i) => `long.test. 60 A 192.0.2.${i}`);
  await using server = await nameServer(lines);
  const answer = await new DnsResolver({ servers: [server.udp] }).resolve("long.test.", A);
  expect(answer).toMatchObject({ kind: "records", records: { length: 100 } });
  expect(server.queries).toHaveLength(2);
});

test("a server that is gone is skipped, and one that never answers fails the question", async () => {
  const gone = await nameServer([]);
  await gone[Symbol.asyncDispose]();
  await using server = await nameServer(["a.test. 300 A 192.0.2.1"]);
  const resolver = new DnsResolver({ servers: [gone.udp, server.udp], timeout: 20_000 });
  expect(await resolver.resolve("a.test.", A)).toMatchObject({ kind: "records" });
  const impatient = new DnsResolver({ servers: [server.udp], timeout: 10 });
  expect(await impatient.resolve("never.test.", A)).toMatchObject({ kind: "failed", failures: { length: 2 } });
});

test("an aborted question rejects with the reason", async () => {
  await using server = await nameServer([]);
  const resolver = new DnsResolver({ servers: [server.udp] });
  const controller = new AbortController();
  const asked = resolver.resolve("never.test.", A, controller.signal);
  controller.abort(new Error("enough"));
  await expect(asked).rejects.toThrow("enough");
  await expect(resolver.resolve("never.test.", A, controller.signal)).rejects.toThrow("enough");
});

test("messages by a client of one's own", async () => {
  await using server = await nameServer(["a.test. 300 A 192.0.2.1"]);
  const plain = new DnsResolver({ servers: [server.udp] });
  const ids: number[] = [];
  const resolver = new DnsResolver({
    servers: [{ protocol: "https", address: "192.0.2.53", port: 443 }],
    carry: async (_server, message) => {
      // RFC 8484 §4.1: the id is 0, for caches.
      ids.push((message[0]! << 8) | message[1]!);
      await plain.resolve("a.test.", A);
      return Uint8Array.from([...message.subarray(0, 2), 0x81, 0x80, ...message.subarray(4)]);
    },
  });
  expect(await resolver.resolve("a.test.", A)).toMatchObject({ kind: "none", why: "no-data" });
  expect(ids).toEqual([0]);
});

test.each([
  ["another media type", { "content-type": "text/html" }, 200, "DOH_MEDIA_TYPE", /sent text\/html, not application/],
  ["no media type", {}, 200, "DOH_MEDIA_TYPE", /content without a type/],
  ["an error", { "content-type": "application/dns-message" }, 503, "DOH_STATUS", /responded 503/],
  ["too much", { "content-type": "Application/DNS-Message; x=y" }, 200, "DOH_TOO_LONG", /longer than a message/],
] as const)(
  "a DNS over HTTPS response with %s is refused, and the next server asked",
  async (_, headers, status, code, why) => {
    await using server = await nameServer(["a.test. 300 A 192.0.2.1"]);
    let cancelled = 0;
    const body = () =>
      new ReadableStream<Uint8Array>({
        pull: (controller) => controller.enqueue(new Uint8Array(20_000)),
        cancel: () => void (cancelled += 1),
      });
    const errors: unknown[] = [];
    const carry = httpsCarrier(async () => new Response(body(), { headers, status }));
    const failures: string[] = [];
    const resolver = new DnsResolver({
      servers: [{ protocol: "https", address: "192.0.2.53", port: 443 }, server.udp],
      carry: (...call) =>
        carry(...call).catch((error: unknown) => {
          errors.push(error);
          throw error;
        }),
      trace: (event) => void (event.type === "dns:exchange_failed" && failures.push(event.why)),
    });
    expect(await resolver.resolve("a.test.", A)).toMatchObject({ kind: "records" });
    expect(errors).toEqual([expect.objectContaining({ name: "DohError", code })]);
    expect(failures).toEqual([expect.stringMatching(why)]);
    // Nothing more of the body is read.
    expect(cancelled).toBe(1);
  },
);
