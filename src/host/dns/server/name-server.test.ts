import { once } from "node:events";
import { connect } from "node:net";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import {
  Authority,
  type DnsProtocol,
  emitMessage,
  MessageStream,
  parseMessage,
  queryMessage,
  withLength,
  Zone,
} from "../../../dns/index.ts";
import { loadIdentity } from "../../certificates/index.ts";
import { localhostIdentity } from "../../http/testing/identities.ts";
import { quicCarrier } from "../quic.ts";
import { DnsResolver } from "../resolver.ts";
import { NameServer, type QueryEvent } from "./name-server.ts";

const many = Array.from({ length: 100 }, (_, i) => `many A 192.0.2.${i}`).join("\n");
const big = `${"x".repeat(255)} `.repeat(240);
const zone = Zone.parse(
  `$TTL 60\n@ SOA ns h 1 2 3 4 5\n@ NS ns\nns A 192.0.2.53\nwww HTTPS 1 . alpn=h3\nbig TXT ${big}\n${many}\n`,
  "example.test.",
);
const seen: QueryEvent[] = [];
let server: NameServer;
const carrier = quicCarrier({ ca: String(localhostIdentity.cert) });

beforeAll(async () => {
  server = await NameServer.start({
    authority: new Authority([zone]),
    host: "127.0.0.1",
    port: 0,
    secure: { port: 0, identity: loadIdentity(localhostIdentity) },
    onQuery: (event) => seen.push(event),
    onFault: ({ error }) => {
      throw error;
    },
  });
});
afterAll(async () => {
  await carrier[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
});

function resolverOver(protocol: DnsProtocol): DnsResolver {
  const port = protocol === "udp" || protocol === "tcp" ? server.port : server.securePort!;
  return new DnsResolver({
    servers: [{ protocol, address: "127.0.0.1", port, name: "localhost" }],
    ca: String(localhostIdentity.cert),
    carry: carrier.carry,
    // Nothing here is a matter of time.
    timeout: 60_000,
  });
}

describe.each(["udp", "tcp", "tls", "quic"] as const)("over %s", (protocol) => {
  test("records, and names that do not exist", async () => {
    const resolver = resolverOver(protocol);
    expect(await resolver.resolve("www.example.test.", 65)).toMatchObject({
      kind: "records",
      records: [{ data: { type: "HTTPS", priority: 1 } }],
    });
    expect(await resolver.resolve("absent.example.test.", 1)).toMatchObject({ kind: "none", why: "no-name" });
    expect(seen.at(-1)).toMatchObject({ over: protocol, rcode: 3, from: { address: "127.0.0.1" } });
  });

  test("what a datagram cannot hold comes whole", async () => {
    const answer = await resolverOver(protocol).resolve("many.example.test.", 1);
    expect(answer).toMatchObject({ records: { length: 100 } });
    expect(seen.at(-1)!.over).toBe(protocol === "udp" ? "tcp" : protocol);
  });
});

test("a connection over QUIC carries many queries at once, and is opened again after its end", async () => {
  const resolver = resolverOver("quic");
  const names = Array.from({ length: 300 }, (_, i) => `n${i}.example.test.`);
  const answers = await Promise.all(names.map((name) => resolver.resolve(name, 1)));
  expect(answers.every(({ kind }) => kind === "none")).toBe(true);
  const ports = new Set(seen.filter(({ over }) => over === "quic").map(({ from }) => from.port));
  expect(ports.size).toBe(1);
});

test("queries on a connection need not wait for responses, nor arrive in whole pieces", async () => {
  const socket = connect(server.port, "127.0.0.1");
  const stream = new MessageStream();
  const ids: number[] = [];
  socket.on("data", (bytes: Buffer) => ids.push(...stream.push(bytes).map((each) => parseMessage(each).id)));
  const queries = Array.from({ length: 50 }, (_, id) =>
    withLength(emitMessage(queryMessage(id, { name: "many.example.test.", type: 1 }))),
  );
  const all = Buffer.concat(queries);
  for (let at = 0; at < all.length; at += 7) socket.write(all.subarray(at, at + 7));
  await vi.waitUntil(() => ids.length === 50);
  expect(ids).toEqual(queries.map((_, id) => id));
  socket.destroy();
});

test("a client that does not read has its queries wait", async () => {
  const socket = connect(server.port, "127.0.0.1");
  await once(socket, "connect");
  const before = seen.length;
  // 60 kB of response each; a quarter of a mebibyte and the kernel's buffers hold a part of them.
  const query = withLength(emitMessage(queryMessage(1, { name: "big.example.test.", type: 16 })));
  const total = 1_000;
  socket.write(Buffer.concat(Array.from({ length: total }, () => query)));
  // Another client's answers show that the server has had its turns.
  for (let i = 0; i < 20; i += 1) await resolverOver("tcp").resolve(`turn${i}.example.test.`, 1);
  expect(seen.length - before).toBeLessThan(total);
  let received = 0;
  const stream = new MessageStream();
  socket.on("data", (bytes: Buffer) => {
    received += stream.push(bytes).length;
  });
  await vi.waitUntil(() => received === total, { timeout: 20_000 });
  socket.destroy();
});

test("a port in use is reported", async () => {
  const options = { authority: new Authority([]), host: "127.0.0.1", port: server.port, onFault: () => {} };
  await expect(NameServer.start(options)).rejects.toMatchObject({ code: "PORT_IN_USE" });
});
