/** Starts a program under examples/ on node:https, then on Nagare over each version, and expects equal results. */
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer as createHttpsServer } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { EventSource, type EventSourceFetchInit } from "eventsource";
import type { Server as FetchServer } from "nagare";
import { type Client, createClient } from "nagare/client";
import type { Server as NodeServer } from "nagare/node";
import { afterEach, beforeEach, expect, vi } from "vitest";
import { localhostIdentity } from "../../src/host/http/testing/identities.ts";

export type Protocol = "http/1.1" | "h2" | "h3";

/** Each protocol, and the value of `req.httpVersion`. */
export const VERSIONS: readonly (readonly [Protocol, string])[] = [
  ["http/1.1", "1.1"],
  ["h2", "2.0"],
  ["h3", "3.0"],
];

export type Load = () => Promise<{ readonly server: NodeServer | FetchServer }>;

export interface Asking {
  readonly fetch: typeof fetch;
  /** Opens a stream of server-sent events. */
  events(path: string, names?: readonly string[]): Events;
  readonly url: string;
  readonly protocol: Protocol;
  readonly httpVersion: string;
}

const closers: (() => unknown)[] = [];
export const closeLater = (close: () => unknown): unknown => closers.push(close);

let cache: string;
beforeEach(() => {
  cache = mkdtempSync(join(tmpdir(), "nagare-examples-"));
  vi.stubEnv("PORT", "0");
  vi.stubEnv("XDG_CACHE_HOME", cache); // where the development certificate is kept
  vi.spyOn(console, "log").mockImplementation(() => undefined);
});
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
  vi.doUnmock("nagare/node");
  vi.unstubAllEnvs();
  vi.restoreAllMocks();
  rmSync(cache, { recursive: true, force: true });
});

/** Imports the program again, so that it starts another server. Returns the port. */
export async function start(load: Load): Promise<number> {
  vi.resetModules();
  const { server } = await load();
  if ("url" in server) {
    closers.push(() => server.close({ timeout: 0 }));
    return server.port;
  }
  if (!server.listening) await once(server, "listening");
  closers.push(() => {
    const closed = once(server, "close");
    server.close();
    server.closeAllConnections();
    return closed;
  });
  return server.address()!.port;
}

export function connect(protocol: Protocol): Client {
  const client = createClient({ protocols: [protocol], rejectUnauthorized: false, resolve: () => ["127.0.0.1"] });
  closers.push(() => client.destroy());
  return client;
}

export function askingOf(port: number, protocol: Protocol, httpVersion: string): Asking {
  const client = connect(protocol);
  const url = `https://localhost:${port}`;
  const fetch = client.fetch.bind(client) as typeof globalThis.fetch;
  return {
    fetch,
    url,
    protocol,
    httpVersion,
    events: (path, names = ["message"]) => new Events(`${url}${path}`, fetch, names),
  };
}

/** `run` returns what must be equal on node:https and over each version. */
export async function sameOnNodeHttps(load: Load, run: (asking: Asking) => Promise<unknown>): Promise<void> {
  const { cert, key } = localhostIdentity;
  vi.doMock("nagare/node", () => ({
    createServer: (listener: never) => createHttpsServer({ cert, key } as object, listener),
  }));
  const expected = await run(askingOf(await start(load), "http/1.1", "1.1"));
  expect(expected).toBeDefined();
  vi.doUnmock("nagare/node");
  const port = await start(load);
  for (const [protocol, httpVersion] of VERSIONS) {
    const found = await run(askingOf(port, protocol, httpVersion));
    expect({ protocol, found }).toEqual({ protocol, found: expected });
  }
}

/** The content, and the fields that do not describe the connection or the framing, or change with time. */
export async function answerOf(response: Response): Promise<unknown> {
  const isFraming = (name: string, value: string): boolean => name === "content-length" && value === "0";
  const headers = [...response.headers].filter(([name, value]) => !VOLATILE.test(name) && !isFraming(name, value));
  return { status: response.status, headers: headers.sort(), text: await response.text() };
}
const VOLATILE = /^(?:date|alt-svc|connection|keep-alive|transfer-encoding)$/;

/** Values that callbacks receive, read one by one. */
export class Inbox<T> {
  readonly #values: T[] = [];
  #wake = (): void => undefined;
  #error: unknown;

  put(value: T): void {
    this.#values.push(value);
    this.#wake();
  }

  fail(error: unknown): void {
    this.#error = error;
    this.#wake();
  }

  async next(): Promise<T> {
    while (this.#values.length === 0) {
      if (this.#error !== undefined) throw this.#error;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    return this.#values.shift()!;
  }
}

/** The data of server-sent events with the given names. */
class Events extends Inbox<string> {
  readonly #source: EventSource;

  constructor(url: string, fetch: typeof globalThis.fetch, names: readonly string[]) {
    super();
    const forward = (at: string | URL, init: EventSourceFetchInit) => fetch(at, init as RequestInit);
    this.#source = new EventSource(url, { fetch: forward as never });
    for (const name of names) this.#source.addEventListener(name, (event) => this.put((event as MessageEvent).data));
    this.#source.onerror = (error) => this.fail(error);
    closers.push(() => this.close());
  }

  close(): void {
    this.#source.close();
  }
}
