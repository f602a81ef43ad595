/** Requests that origins hand back (Partial POST Replay): replayed elsewhere, or answered with a 5xx, and never shown to clients. */

import { createHash } from "node:crypto";
import type { Socket } from "node:net";
import { afterEach, describe, expect, test } from "vitest";
import { localhostIdentity } from "../../host/http/testing/identities.ts";
import { serve } from "../serve.ts";
import type { Server } from "../server.ts";
import { VERSIONS } from "../testing/client.ts";
import type { TestClient } from "../testing/test-client.ts";
import type { ProxyOptions } from "./options.ts";
import { rawOrigin, throughProxy } from "./testing/through-proxy.ts";

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

const log = (): void => {};
const REPLAY: ProxyOptions = { partialPostReplay: { memory: 1_000 }, rejectUnauthorized: false, log };
const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

/** An origin that answers with the digest of what it gets. */
class Origin {
  server!: Server;
  /** Called once the handler has read this many bytes. */
  onBytes: ((bytes: number) => void) | undefined;
  readonly seen: string[] = [];
  readonly #name: string;

  constructor(name: string) {
    this.#name = name;
  }

  async start(): Promise<this> {
    const handBack = { trusted: ["127.0.0.0/8"], memory: 10_000 };
    this.server = await serve(
      { port: 0, host: "127.0.0.1", tls: localhostIdentity, handBack, log },
      async (request) => {
        const hash = createHash("sha256");
        let bytes = 0;
        this.seen.push(`${request.method} ${request.headers.get("partial-post-replay") ?? "first"}`);
        for await (const chunk of request.body ?? []) {
          hash.update(chunk as Uint8Array);
          bytes += (chunk as Uint8Array).byteLength;
          this.onBytes?.(bytes);
        }
        return new Response(`${this.#name} ${bytes} ${hash.digest("hex")}`);
      },
    );
    closers.push(() => this.server.close({ timeout: 0 }));
    return this;
  }

  url(scheme: string): string {
    return `${scheme}://127.0.0.1:${this.server.port}`;
  }
}

const CONTENT = new Uint8Array(200_000).map((_, i) => i * 7);

describe.each(VERSIONS)("a client of %s", (_version, open) => {
  test.each(["https", "h3"])("an upload goes through three origins of %s, two of which shut down", async (scheme) => {
    const origins = [await new Origin("a").start(), await new Origin("b").start(), await new Origin("c").start()];
    const client = await throughProxy(
      closers,
      open,
      origins.map((each) => each.url(scheme)),
      REPLAY,
    );
    const request = client.request({ method: "POST", path: "/", headers: { "x-a": "1" }, streaming: true });
    // The origin that has read a part shuts down, twice.
    let left = 2;
    for (const [index, origin] of origins.entries()) {
      origin.onBytes = (bytes) => {
        if (left === 0 || bytes < 60_000 * (3 - left)) return;
        origins[index]!.onBytes = undefined;
        left -= 1;
        void origin.server.close({ timeout: 10_000 });
      };
    }
    for (let at = 0; at < CONTENT.byteLength; at += 20_000) {
      await request.send(CONTENT.subarray(at, at + 20_000));
      await new Promise(setImmediate);
    }
    request.finish();
    const response = await request.response;
    expect([response.status, (await response.text()).slice(2)]).toEqual([200, `200000 ${sha256(CONTENT)}`]);
    expect(origins.flatMap(({ seen }) => seen).sort()).toEqual(["POST 1", "POST 1, 1", "POST first"]);
    expect(request.informational).toEqual([]);
  });
});

// ---- Origins that answer rubbish

const [[, openHttp1]] = VERSIONS as unknown as [[string, (url: URL) => Promise<TestClient>]];

const HEAD = "HTTP/1.1 379 Partial POST Replay\r\nconnection: close\r\ntransfer-encoding: chunked\r\n";
const chunk = (text: string): string => `${text.length.toString(16)}\r\n${text}\r\n`;

/** The fields of a request, as an honest origin echoes them. */
const echoOf = (head: string): string =>
  head
    .split("\r\n\r\n")[0]!
    .split("\r\n")
    .slice(1)
    .filter((line) => !/^(?:connection|transfer-encoding|content-length):/i.test(line))
    .map((line) => `echo-${line}\r\n`)
    .join("");

interface Hostile {
  readonly options?: ProxyOptions;
  /** What the origin answers to a request whose head and first 5 bytes have arrived. */
  readonly answer: (head: string, socket: Socket) => void;
  readonly status: number;
  /** What the client gets. */
  readonly text?: RegExp;
}

const CASES: Readonly<Record<string, Hostile>> = {
  "a handback in order": {
    answer: (head, socket) => socket.write(`${HEAD}${echoOf(head)}\r\n${chunk("01234")}`),
    status: 200,
    text: /^0123456789$/,
  },
  "one byte more than it got": {
    answer: (head, socket) => socket.write(`${HEAD}${echoOf(head)}\r\n${chunk("012345")}`),
    status: 502,
  },
  "less than it got": {
    answer: (head, socket) => socket.end(`${HEAD}${echoOf(head)}\r\n${chunk("012")}0\r\n\r\n`),
    status: 502,
  },
  "a connection that breaks in between": {
    answer: (head, socket) => socket.write(`${HEAD}${echoOf(head)}\r\n${chunk("012")}`, () => socket.destroy()),
    status: 502,
  },
  "an echo of a field that was not sent": {
    answer: (head, socket) => socket.write(`${HEAD}${echoOf(head)}echo-authorization: x\r\n\r\n${chunk("01234")}`),
    status: 502,
  },
  "no echo": { answer: (_head, socket) => socket.write(`${HEAD}\r\n${chunk("01234")}`), status: 502 },
  "more replays than are allowed": {
    options: { partialPostReplay: { maxReplays: 1 } },
    answer: (head, socket) =>
      socket.write(`${HEAD}${echoOf(head)}${"echo-partial-post-replay: 1\r\n".repeat(2)}\r\n${chunk("01234")}`),
    status: 502,
  },
  "nothing, for ever": {
    options: { partialPostReplay: { timeout: 50 } },
    answer: (head, socket) => socket.write(`${HEAD}${echoOf(head)}\r\n`),
    status: 502,
  },
  "a handback, though it is not trusted to": {
    options: { partialPostReplay: false },
    answer: (head, socket) => socket.write(`${HEAD}${echoOf(head)}\r\n${chunk("01234")}0\r\n\r\n`),
    status: 502,
  },
  "a 379 that means something else": {
    answer: (_head, socket) => socket.write("HTTP/1.1 379 Odd\r\ncontent-length: 3\r\n\r\nodd"),
    status: 379,
    text: /^odd$/,
  },
  "a handback of a configured status": {
    options: { partialPostReplay: { status: 399 } },
    answer: (head, socket) => socket.write(`${HEAD.replace("379", "399")}${echoOf(head)}\r\n${chunk("01234")}`),
    status: 200,
    text: /^0123456789$/,
  },
};

test.each(Object.entries(CASES))("an origin answers: %s", async (_name, { options = {}, answer, status, text }) => {
  let whole: (() => void) | undefined;
  const first = await rawOrigin(closers, (socket, data) => {
    const state = socket as Socket & { received?: string };
    state.received = (state.received ?? "") + data;
    if (/\r\n\r\n5\r\n01234(?:\r\n)?$/.test(state.received)) {
      answer(state.received, socket);
      whole?.();
    } else if (data.includes("0\r\n\r\n")) socket.write("0\r\n\r\n");
  });
  // The second origin answers with the content.
  const second = await rawOrigin(closers, (socket, data) => {
    const state = socket as Socket & { received?: string };
    state.received = (state.received ?? "") + data;
    if (!state.received.endsWith("0\r\n\r\n")) return;
    const chunks = state.received.slice(state.received.indexOf("\r\n\r\n") + 4);
    const content = [...chunks.matchAll(/[0-9a-f]+\r\n(\d+)\r\n/g)].map(([, text]) => text).join("");
    socket.write(`HTTP/1.1 200 OK\r\ncontent-length: ${content.length}\r\n\r\n${content}`);
  });
  const client = await throughProxy(closers, openHttp1, [`http://${first}`, `http://${second}`], {
    partialPostReplay: true,
    log,
    ...options,
  });
  const request = client.request({ method: "POST", path: "/", streaming: true });
  const answered = new Promise<void>((resolve) => {
    whole = resolve;
  });
  await request.send("01234");
  await answered;
  if (status === 200) {
    await request.send("56789");
    request.finish();
  }
  const response = await request.response;
  expect(response.status).toBe(status);
  const content = await response.text();
  expect(content).toMatch(text ?? /^502 Bad Gateway/);
});
