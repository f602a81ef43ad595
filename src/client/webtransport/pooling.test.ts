/** Sessions that share a connection (`allowPooling`), and keying material, by which they differ. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Server, serve } from "../../edge/index.ts";
import { localhostIdentity } from "../../host/http/testing/identities.ts";
import type { AcceptedWebTransport } from "../../host/webtransport/web-transport-request.ts";
import { fromUtf8, utf8 } from "../../wire/text.ts";
import { WebTransport, type WebTransportOptions } from "./index.ts";

interface Accepted {
  readonly session: AcceptedWebTransport;
  /** That of the client's connection. */
  readonly port: number;
}

/** By path. */
const accepted = new Map<string, Accepted>();
let server: Server;

beforeAll(async () => {
  const options = { port: 0, host: "127.0.0.1", tls: localhostIdentity, log: () => {} };
  server = await serve({ ...options, http2WebTransport: true }, (request, { webtransport, remoteAddress }) => {
    const { pathname } = new URL(request.url);
    if (webtransport === undefined || pathname === "/none") return new Response(null, { status: 404 });
    if (pathname.startsWith("/alone") && [...accepted.values()].some(({ port }) => port === remoteAddress.port)) {
      return new Response(null, { status: 429 });
    }
    const session = webtransport.accept();
    accepted.set(pathname, { session, port: remoteAddress.port });
    return session.response;
  });
});
afterAll(() => server.close({ timeout: 0 }));

const CLIENT = { rejectUnauthorized: false, protocols: ["h3"] } as const;

async function open(path: string, options: WebTransportOptions = {}): Promise<WebTransport> {
  // Options of the same content make no difference.
  const session = new WebTransport(new URL(path, server.url), {
    allowPooling: true,
    client: { ...CLIENT },
    ...options,
  });
  await session.ready;
  return session;
}

const portOf = (path: string): number => accepted.get(path)!.port;

async function echo(near: WebTransport, path: string, text: string): Promise<string> {
  const { session: far } = accepted.get(path)!;
  const stream = await near.createUnidirectionalStream();
  const writer = stream.getWriter();
  await writer.write(utf8(text));
  void writer.close();
  const reader = far.incomingUnidirectionalStreams.getReader();
  const { value } = await reader.read();
  reader.releaseLock();
  let all = "";
  for await (const chunk of value as unknown as AsyncIterable<Uint8Array>) all += fromUtf8(chunk);
  return all;
}

test("sessions that allow it share a connection, and end one by one", async () => {
  const first = await open("/a");
  const [second, third] = await Promise.all([open("/b"), open("/c")]);
  const alone = await open("/d", { allowPooling: false });
  const others = await open("/e", { client: { ...CLIENT, connectTimeout: 9_000 } });
  expect([portOf("/b"), portOf("/c")]).toEqual([portOf("/a"), portOf("/a")]);
  expect(new Set([portOf("/a"), portOf("/d"), portOf("/e")]).size).toBe(3);
  expect(await Promise.all([echo(first, "/a", "1"), echo(second, "/b", "2"), echo(third, "/c", "3")])).toEqual([
    "1",
    "2",
    "3",
  ]);

  first.close({ closeCode: 1 });
  expect((await accepted.get("/a")!.session.closed).closeCode).toBe(1);
  expect(await echo(second, "/b", "still")).toBe("still");
  accepted.get("/b")!.session.close({ closeCode: 2 });
  expect((await second.closed).closeCode).toBe(2);
  expect(await echo(third, "/c", "still")).toBe("still");
  third.close();
  await accepted.get("/c")!.session.closed;
  // The connection has ended with its last session.
  const later = await open("/f");
  expect(portOf("/f")).not.toBe(portOf("/a"));
  expect(later.responseHeaders?.get("sec-webtransport-http3-draft")).toBe("draft02");
  for (const session of [alone, others, later]) session.close();
});

test("sessions that are opened at once share one, too, and no more than 32 do", async () => {
  const paths = Array.from({ length: 33 }, (_, n) => `/many${n}`);
  const sessions = await Promise.all(paths.map((path) => open(path)));
  const counts = new Map<number, number>();
  for (const path of paths) counts.set(portOf(path), (counts.get(portOf(path)) ?? 0) + 1);
  expect([...counts.values()].sort((a, b) => a - b)).toEqual([1, 32]);
  for (const session of sessions) session.close();
});

test("a session that its connection has no room for gets another one; other answers are final", async () => {
  const first = await open("/room");
  const second = await open("/alone");
  expect(portOf("/alone")).not.toBe(portOf("/room"));
  await expect(open("/none")).rejects.toThrow("404");
  expect(await echo(first, "/room", "still")).toBe("still");
  first.close();
  second.close();
});

test("a connection that is cut off ends its sessions, and the next one gets a new one", async () => {
  const sessions = await Promise.all([open("/cut1"), open("/cut2")]);
  await server.close({ timeout: 0 });
  for (const { closed } of sessions) await closed.catch(() => undefined);
  server = await serve({ port: 0, host: "127.0.0.1", tls: localhostIdentity }, (_request, { webtransport }) => {
    return webtransport!.accept().response;
  });
  const again = new WebTransport(server.url, { allowPooling: true, client: CLIENT });
  await again.ready;
  again.close();
});
