/**
 * The HTTP/2 client against raw frames: complete and incomplete responses and uploads, and when a connection survives.
 */

import { once } from "node:events";
import { createSecureServer, type ServerHttp2Stream } from "node:http2";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, test } from "vitest";
import { type Client, createClient } from "../../client/index.ts";
import { deferred } from "../../edge/testing/async.ts";
import { localhostIdentity } from "../http/testing/identities.ts";
import { type RawHttp2Stream, serveRawHttp2 } from "../http/testing/raw-http2-server.ts";
import { testCertificate } from "./testing/servers.ts";

const NO_ERROR = 0;
const INTERNAL_ERROR = 2;
const CANCEL = 8;
const ENHANCE_YOUR_CALM = 11;

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

function openClient(): Client {
  const client = createClient({ protocols: ["h2"], rejectUnauthorized: false });
  closers.push(() => client.destroy());
  return client;
}

/** Starts a client and a server. `onStream` is called with each stream and its index. */
async function start(onStream: (stream: RawHttp2Stream, index: number) => void) {
  let count = 0;
  const server = await serveRawHttp2(localhostIdentity, (stream) => onStream(stream, count++));
  closers.push(() => server.close());
  return { client: openClient(), url: server.url };
}

describe("a response without END_STREAM is incomplete, whatever the code (RFC 9113 §8.1)", () => {
  test.each([
    ["GET", NO_ERROR],
    ["GET", INTERNAL_ERROR],
    ["GET", CANCEL],
    ["POST", NO_ERROR],
    ["POST", CANCEL],
  ] as const)("%s, RST_STREAM(%i)", async (method, code) => {
    const { client, url } = await start((stream) => {
      stream.respond(1_000);
      stream.sendReset(code);
    });
    const response = await client.fetch(url, method === "POST" ? { method, body: "x" } : {});
    expect(response.status).toBe(200);
    await expect(response.arrayBuffer()).rejects.toMatchObject({ code: "CONNECTION_LOST" });
  });

  test("with END_STREAM before RST_STREAM(NO_ERROR) it is complete, even if the upload was cut short", async () => {
    const { client, url } = await start((stream) => {
      stream.respond(1_000);
      stream.end();
      stream.sendReset(NO_ERROR);
    });
    const response = await client.fetch(url, { method: "POST", body: endless() });
    expect((await response.arrayBuffer()).byteLength).toBe(1_000);
  });
});

const endless = () =>
  new ReadableStream<Uint8Array>({
    pull: (controller) => controller.enqueue(new Uint8Array(1_000)),
  });

describe("an upload that ends early has RST_STREAM and no END_STREAM", () => {
  const isReset = ({ reset }: RawHttp2Stream) => reset !== undefined;

  test("when its source fails", async () => {
    const seen = deferred<RawHttp2Stream>();
    const { client, url } = await start((stream) => seen.resolve(stream));
    const body = new ReadableStream<Uint8Array>({
      async pull(controller) {
        controller.enqueue(new Uint8Array(500));
        await (await seen.promise).until(({ bytes }) => bytes > 0);
        throw new Error("disk gone");
      },
    });
    await expect(client.fetch(url, { method: "POST", body })).rejects.toMatchObject({ code: "REQUEST_BODY_FAILED" });
    expect(await (await seen.promise).until(isReset)).toMatchObject({ endStream: false, reset: CANCEL });
  });

  test("when the caller aborts", async () => {
    const seen = deferred<RawHttp2Stream>();
    const { client, url } = await start((stream) => seen.resolve(stream));
    const controller = new AbortController();
    const answer = client.fetch(url, { method: "POST", body: endless(), signal: controller.signal });
    const stream = await (await seen.promise).until(({ bytes }) => bytes > 0);
    controller.abort();
    await expect(answer).rejects.toThrow();
    expect(await stream.until(isReset)).toMatchObject({ endStream: false, reset: CANCEL });
  });

  test("when the caller cancels the response", async () => {
    const seen = deferred<RawHttp2Stream>();
    const { client, url } = await start((stream) => {
      stream.respond();
      seen.resolve(stream);
    });
    const response = await client.fetch(url, { method: "POST", body: endless() });
    await response.body!.cancel();
    expect(await (await seen.promise).until(isReset)).toMatchObject({ endStream: false, reset: CANCEL });
  });

  test("after the request's end, a cancelled response causes RST_STREAM only", async () => {
    const seen = deferred<RawHttp2Stream>();
    const { client, url } = await start((stream) => {
      stream.respond(100);
      seen.resolve(stream);
    });
    const response = await client.fetch(url);
    await response.body!.cancel();
    expect(await (await seen.promise).until(isReset)).toMatchObject({ endStream: true, reset: CANCEL });
  });
});

describe("uploads that are answered early leave the connection usable", () => {
  async function early(): Promise<{ url: string; sessions: () => number }> {
    let sessions = 0;
    const server = createSecureServer(testCertificate().issued);
    server.on("session", () => {
      sessions += 1;
    });
    server.on("stream", (stream: ServerHttp2Stream, headers) => {
      stream.on("error", () => undefined);
      if (headers[":path"] === "/read") {
        let bytes = 0;
        stream.on("data", (chunk: Buffer) => {
          bytes += chunk.length;
        });
        stream.on("end", () => {
          stream.respond();
          stream.end(String(bytes));
        });
        return;
      }
      stream.respond({ ":status": 413 });
      stream.end("no");
      stream.once("finish", () => stream.close(NO_ERROR));
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    closers.push(() => server.close());
    return { url: `https://127.0.0.1:${(server.address() as AddressInfo).port}`, sessions: () => sessions };
  }

  test("40 of 500 kB, one after another", async () => {
    const { url, sessions } = await early();
    const client = openClient();
    for (let i = 0; i < 40; i += 1) {
      const response = await client.fetch(url, { method: "POST", body: new Uint8Array(500_000) });
      expect([response.status, await response.text()]).toEqual([413, "no"]);
    }
    expect(await (await client.fetch(`${url}/read`, { method: "POST", body: "x" })).text()).toBe("1");
    expect(sessions()).toBe(1);
  });

  test("one of 20 MB", async () => {
    const { url } = await early();
    const response = await openClient().fetch(url, { method: "POST", body: new Uint8Array(20_000_000) });
    expect([response.status, await response.text()]).toEqual([413, "no"]);
  });

  test("large and small ones concurrently", async () => {
    const { url } = await early();
    const client = openClient();
    const sizes = [5_000_000, 5_000_000, 5_000_000, 5_000_000, 1, 1, 1];
    const answers = sizes.map(async (size) => {
      const response = await client.fetch(`${url}/read`, { method: "POST", body: new Uint8Array(size) });
      return Number(await response.text());
    });
    expect(await Promise.all(answers)).toEqual(sizes);
  });
});

test("a connection whose streams are reset with ENHANCE_YOUR_CALM takes no more requests", async () => {
  const { client, url } = await start((stream, index) => {
    if (index === 0) stream.sendReset(ENHANCE_YOUR_CALM);
    else {
      stream.respond();
      stream.end();
    }
  });
  await expect(client.fetch(url, { method: "POST", body: "x" })).rejects.toThrow(/ENHANCE_YOUR_CALM/);
  const response = await client.fetch(url);
  expect([response.status, client.facts(response)!.reused]).toEqual([200, false]);
});
