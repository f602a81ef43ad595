/** WebTransport between our client and our server, with the interface of the W3C. */
import { createHash } from "node:crypto";
import { afterEach, describe, expect, test } from "vitest";
import { serve } from "../../edge/serve.ts";
import { deferred } from "../../edge/testing/async.ts";
import { daysFromNow, makeCertificate } from "../../host/certificates/testing/make-certificate.ts";
import type { Context } from "../../host/http/fetch-context.ts";
import { localhostIdentity } from "../../host/http/testing/identities.ts";
import type { AcceptedWebTransport, AcceptWebTransportOptions } from "../../host/webtransport/web-transport-request.ts";
import { fromUtf8, utf8 } from "../../wire/text.ts";
import { createClient } from "../index.ts";
import { WebTransport, WebTransportError, type WebTransportOptions, type WebTransportSession } from "./index.ts";

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

interface Side {
  readonly session: AcceptedWebTransport;
  readonly context: Context;
}

async function begin(
  options: WebTransportOptions = {},
  accept: AcceptWebTransportOptions | ((context: Context) => AcceptWebTransportOptions) = {},
) {
  const side = deferred<Side>();
  const server = await serve({ port: 0, host: "127.0.0.1", tls: localhostIdentity }, (_request, context) => {
    if (context.webtransport === undefined) return new Response("no session", { status: 400 });
    const session = context.webtransport.accept(typeof accept === "function" ? accept(context) : accept);
    side.resolve({ session, context });
    return session.response;
  });
  closers.push(() => server.close({ timeout: 0 }));
  const client = new WebTransport(new URL("/chat", server.url), { client: { rejectUnauthorized: false }, ...options });
  closers.push(() => client.close());
  return { client, server, side };
}

async function open(options: WebTransportOptions = {}, accept: AcceptWebTransportOptions = {}) {
  const { client, server, side } = await begin(options, accept);
  await client.ready;
  return { client, server, peer: (await side.promise).session };
}

async function textOf(readable: ReadableStream<Uint8Array>): Promise<string> {
  let all = "";
  for await (const chunk of readable as unknown as AsyncIterable<Uint8Array>) all += fromUtf8(chunk);
  return all;
}

async function send(writable: WritableStream<Uint8Array>, text: string): Promise<void> {
  const writer = writable.getWriter();
  await writer.write(utf8(text));
  await writer.close();
}

async function next<T>(readable: ReadableStream<T>): Promise<T> {
  const reader = readable.getReader();
  const { value } = await reader.read();
  reader.releaseLock();
  return value!;
}

const hashOf = (der: Uint8Array) => ({ algorithm: "sha-256", value: createHash("sha256").update(der).digest() });

test.each(["client", "server"] as const)("streams in both directions, opened by the %s", async (opener) => {
  const { client, peer } = await open();
  const [near, far] = opener === "client" ? [client, peer] : [peer, client];
  const bidi = await near.createBidirectionalStream();
  const uni = await near.createUnidirectionalStream();
  const long = "0123456789".repeat(50_000);
  const sent = [send(bidi.writable, long), send(uni, "one way")];
  const echoed = await next(far.incomingBidirectionalStreams);
  void echoed.readable.pipeTo(echoed.writable);
  expect(await textOf(bidi.readable)).toBe(long);
  expect(await textOf(await next(far.incomingUnidirectionalStreams))).toBe("one way");
  await Promise.all(sent);
  expect(await uni.getStats()).toEqual({ bytesWritten: 7 });
});

test("1,000 streams each way, and datagrams", async () => {
  const { client, peer } = await open();
  const count = async (side: WebTransportSession) => {
    let sum = 0;
    const reader = side.incomingUnidirectionalStreams.getReader();
    for (let n = 0; n < 1000; n += 1) sum += Number(await textOf((await reader.read()).value!));
    return sum;
  };
  const sendAll = async (side: WebTransportSession) => {
    for (let n = 0; n < 1000; n += 1) {
      void send(await side.createUnidirectionalStream({ waitUntilAvailable: true }), String(n));
    }
  };
  const sums = Promise.all([count(client), count(peer)]);
  await Promise.all([sendAll(client), sendAll(peer)]);
  expect(await sums).toEqual([499_500, 499_500]);

  const writer = client.datagrams.writable.getWriter();
  const reader = peer.datagrams.readable.getReader();
  const answers = peer.datagrams.createWritable().getWriter();
  for (const text of ["ping", "pong"]) {
    await writer.write(utf8(text));
    expect(fromUtf8((await reader.read()).value!)).toBe(text);
  }
  await answers.write(utf8("back"));
  expect(fromUtf8((await next(client.datagrams.readable))!)).toBe("back");
  expect(client.datagrams.maxDatagramSize).toBeGreaterThan(1100);
  expect((await client.getStats()).datagrams).toMatchObject({ sent: 2, received: 1, droppedIncoming: 0 });
});

test("datagrams written before the session is ready wait for it", async () => {
  const { client, side } = await begin();
  const written = client.datagrams.writable.getWriter().write(utf8("early"));
  const { session } = await side.promise;
  expect(fromUtf8(await next(session.datagrams.readable))).toBe("early");
  await written;
});

describe("the end", () => {
  test.each(["client", "server"] as const)("by the %s has its code and reason, and ends everything", async (closer) => {
    const { client, peer } = await open();
    const [near, far] = closer === "client" ? [client, peer] : [peer, client];
    const stream = await far.createBidirectionalStream();
    near.close({ closeCode: 42, reason: "bye" });
    expect(await near.closed).toEqual({ closeCode: 42, reason: "bye" });
    expect(await far.closed).toEqual({ closeCode: 42, reason: "bye" });
    await expect(textOf(stream.readable)).rejects.toMatchObject({ name: "WebTransportError", source: "session" });
    await expect(far.createBidirectionalStream()).rejects.toThrow(WebTransportError);
    expect(await textOf(far.datagrams.readable)).toBe("");
  });

  test("of a reason of 4,000 characters cuts it at a character (W3C, 1,024 bytes)", async () => {
    const { client, peer } = await open();
    client.close({ reason: "ä".repeat(4000) });
    expect((await peer.closed).reason).toBe("ä".repeat(512));
    expect((await client.closed).reason).toBe("ä".repeat(512));
  });

  test("of the connection rejects", async () => {
    const { client, server } = await open();
    await server.close({ timeout: 0 });
    await expect(client.closed).rejects.toBeInstanceOf(WebTransportError);
  });

  test("is asked for by a server that stops, and may take as long as the server waits", async () => {
    const { client, peer, server } = await open();
    const closing = server.close({ timeout: 10_000 });
    await client.draining;
    await send(await client.createUnidirectionalStream(), "still works");
    expect(await textOf(await next(peer.incomingUnidirectionalStreams))).toBe("still works");
    client.close();
    await closing;
  });

  test("comes with code 1001 if the server stops waiting", async () => {
    const { client, peer, server } = await open();
    const closing = server.close({ timeout: 500 });
    await client.draining;
    expect(await client.closed).toEqual({ closeCode: 1001, reason: "the server stops" });
    expect(await peer.closed).toEqual({ closeCode: 1001, reason: "the server stops" });
    await closing;
    // A client connects again when the server is back.
    const back = await serve(
      { port: Number(server.url.port), host: "127.0.0.1", tls: localhostIdentity },
      (_request, context) => context.webtransport!.accept().response,
    );
    closers.push(() => back.close({ timeout: 0 }));
    const again = new WebTransport(back.url, { client: { rejectUnauthorized: false, protocols: ["h3"] } });
    await again.ready;
    again.close();
  });

  test("is asked for by drain", async () => {
    const { client, peer } = await open();
    peer.drain();
    await client.draining;
    await send(await client.createUnidirectionalStream(), "still works");
    expect(await textOf(await next(peer.incomingUnidirectionalStreams))).toBe("still works");
  });
});

test("a handler that fails after it accepted cuts the session off, without saying why", async () => {
  const server = await serve(
    { port: 0, host: "127.0.0.1", tls: localhostIdentity, log: () => {} },
    (_request, context) => {
      context.webtransport!.accept();
      throw new Error("the password is wrong");
    },
  );
  closers.push(() => server.close({ timeout: 0 }));
  const client = new WebTransport(server.url, { client: { rejectUnauthorized: false } });
  const error = await client.closed.catch((reason: Error) => reason);
  expect(error).toBeInstanceOf(WebTransportError);
  expect(String(error)).not.toContain("password");
});

describe("errors of a stream", () => {
  test("carry the application's code both ways", async () => {
    const { client, peer } = await open();
    const stream = await client.createBidirectionalStream();
    const writer = stream.writable.getWriter();
    await writer.write(utf8("x"));
    const other = await next(peer.incomingBidirectionalStreams);
    await writer.abort(new WebTransportError("enough", { streamErrorCode: 4_000_000_000 }));
    await expect(textOf(other.readable)).rejects.toMatchObject({ source: "stream", streamErrorCode: 4_000_000_000 });
    await stream.readable.cancel(new WebTransportError("no more", { streamErrorCode: 30 }));
    const answer = other.writable.getWriter();
    await expect(answer.closed).rejects.toMatchObject({ source: "stream", streamErrorCode: 30 });
  });
});

describe("subprotocols", () => {
  test("are offered, chosen and reported", async () => {
    const { client, peer } = await open({ protocols: ["a", 'b "2"'] }, { protocol: 'b "2"' });
    expect([client.protocol, peer.protocol]).toEqual(['b "2"', 'b "2"']);
  });

  test("that were not offered cannot be chosen", async () => {
    const { client } = await begin({ protocols: ["a"] }, { protocol: "c" });
    await expect(client.ready).rejects.toMatchObject({ message: expect.stringContaining("500") });
  });
});

describe("a page of another origin", () => {
  const headers = { origin: "https://other.example" };

  test("is refused with 403", async () => {
    const { client } = await begin({ headers });
    await expect(client.ready).rejects.toMatchObject({ message: expect.stringContaining("403"), source: "session" });
  });

  test.each([["*"], ["https://other.example:443"]])("is accepted if origins has %s", async (allowed) => {
    const { client } = await begin({ headers }, { origins: [allowed] });
    await client.ready;
  });

  test("of the same origin needs no list", async () => {
    const { client } = await begin({}, ({ webtransport }) => {
      expect(webtransport!.origin).toBeNull();
      return {};
    });
    await client.ready;
  });
});

test("the token of draft 15 opens a session too, and a second one on its connection is refused", async () => {
  const { server, side } = await begin();
  const client = createClient({ protocols: ["h3"], rejectUnauthorized: false });
  closers.push(() => client.destroy());
  const connect = () => client.connect(new URL("/chat", server.url), { protocol: "webtransport-h3" });
  await connect();
  expect((await side.promise).context.webtransport).toBeDefined();
  await expect(connect()).rejects.toThrow("reset by the peer");
});

test("sessions without end: a connection has 100, and the next is refused with 429", async () => {
  const { server } = await begin();
  const client = createClient({ protocols: ["h3"], rejectUnauthorized: false });
  closers.push(() => client.destroy());
  const connect = () => client.connect(new URL("/chat", server.url), { protocol: "webtransport" });
  await connect();
  await Promise.all(Array.from({ length: 99 }, connect));
  await expect(connect()).rejects.toMatchObject({ status: 429 });
  expect(client.connections()).toHaveLength(1);
});

describe("serverCertificateHashes", () => {
  test("accept a certificate that no authority issued, and refuse another", async () => {
    const identity = makeCertificate({ names: ["elsewhere.example"], notAfter: daysFromNow(12) });
    const server = await serve(
      { port: 0, host: "127.0.0.1", tls: identity },
      (_request, context) => context.webtransport!.accept().response,
    );
    closers.push(() => server.close({ timeout: 0 }));
    const right = new WebTransport(server.url, { serverCertificateHashes: [hashOf(identity.der)] });
    await right.ready;
    right.close();
    const wrong = new WebTransport(server.url, { serverCertificateHashes: [hashOf(utf8("another"))] });
    await expect(wrong.ready).rejects.toMatchObject({ message: expect.stringContaining("serverCertificateHashes") });
  });

  test("refuse a certificate that is valid for a year", async () => {
    const long = makeCertificate({ names: ["localhost"], notAfter: daysFromNow(365) });
    const server = await serve({ port: 0, host: "127.0.0.1", tls: long }, () => new Response());
    closers.push(() => server.close({ timeout: 0 }));
    const client = new WebTransport(server.url, { serverCertificateHashes: [hashOf(long.der)] });
    await expect(client.ready).rejects.toThrow("valid for more than 14 days");
  });
});

test.each([
  ["http://example.com/", {}, "SyntaxError"],
  ["https://example.com/#a", {}, "SyntaxError"],
  ["example", {}, "SyntaxError"],
  ["https://example.com/", { protocols: ["a", "a"] }, "SyntaxError"],
  ["https://example.com/", { protocols: ["ä"] }, "SyntaxError"],
  ["https://example.com/", { allowPooling: true, serverCertificateHashes: [hashOf(utf8("a"))] }, "NotSupportedError"],
])("new WebTransport(%j, %j) throws a %s", (url, options, name) => {
  expect(() => new WebTransport(url, options)).toThrow(expect.objectContaining({ name }));
});
