/** A transfer with a page cache that knows everything, nothing, or something. */

import { mkdtempSync, openSync, readSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, expect, test, vi } from "vitest";
import { Budget } from "../../host/budget.ts";
import { noPageCache, type PageCache } from "../../host/files/page-cache.ts";
import type { ReleaseChunk } from "../../host/http/exchange.ts";
import { FakeExchange } from "../../host/http/testing/fake-exchange.ts";
import { chunkCounts } from "./chunk-pool.ts";
import { OpenFile } from "./open-file.ts";
import type { Part } from "./plan.ts";
import { FileTransfer } from "./transfer.ts";

const SIZE = 2 * 1024 * 1024 + 12_345;
const content = Buffer.from(Uint8Array.from({ length: SIZE }, (_, i) => (i ^ (i >> 8)) & 255));

let folder: string;
let path: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "nagare-transfer-"));
  path = join(folder, "file");
});
afterAll(() => rmSync(folder, { recursive: true }));
beforeEach(() => writeFileSync(path, content));

/** An exchange that copies what it receives, and has room for some chunks before each `drain`. */
class Recorder extends FakeExchange {
  readonly received: Buffer[] = [];
  chunksUntilFull = Number.POSITIVE_INFINITY;
  onWrite: (() => void) | undefined;

  override hasRoom(): boolean {
    return this.chunksUntilFull > 0;
  }
  override write(chunk: Uint8Array, released?: ReleaseChunk): boolean {
    this.received.push(Buffer.from(chunk));
    this.chunksUntilFull -= 1;
    released?.(chunk);
    this.onWrite?.();
    return this.hasRoom();
  }
  drain(chunks: number): void {
    this.chunksUntilFull = chunks;
    this.onDrain?.();
  }
  get all(): Buffer {
    return Buffer.concat(this.received);
  }
}

/** Answers each read with this share of it. */
const cacheOf = (answer: (length: number, position: number) => number | undefined) => {
  const read = vi.fn<PageCache["read"]>((fd, chunk, length, position) => {
    const available = answer(length, position);
    return available === undefined || available === 0 ? available : readSync(fd, chunk, 0, available, position);
  });
  return { read };
};
const everything = () => cacheOf((length) => length);
const nothing = () => cacheOf(() => 0);

const WHOLE: readonly Part[] = [{ start: 0, end: SIZE - 1 }];

function start(pageCache: PageCache, parts: readonly Part[] = WHOLE, exchange = new Recorder(), flags = "r") {
  const budget = new Budget();
  budget.openFile();
  const file = new OpenFile(openSync(path, flags), budget);
  const failures: Error[] = [];
  const close = vi.spyOn(file, "close");
  new FileTransfer(exchange, file, parts, pageCache, (error) => {
    failures.push(error);
    exchange.reset(error);
  });
  return { exchange, failures, close };
}

const expectReturned = (close: ReturnType<typeof start>["close"]): void => {
  expect(close).toHaveBeenCalledOnce();
  expect(chunkCounts.inUse).toBe(0);
};

test("a cached file is sent at once, in small chunks", () => {
  const cache = everything();
  const { exchange, close } = start(cache);
  expect(Buffer.compare(exchange.all, content)).toBe(0);
  expect(Math.max(...exchange.received.map(({ length }) => length))).toBe(64 * 1024);
  expectReturned(close);
});

test.each<[name: string, cache: () => PageCache, calls: number | undefined]>([
  ["that holds nothing", nothing, undefined],
  ["that holds half of each read", () => cacheOf((length) => length >> 1), undefined],
  ["that holds one byte of each read", () => cacheOf(() => 1), undefined],
  ["that holds every other read", () => cacheOf((length, position) => ((position >> 16) & 1) * length), undefined],
  ["that does not know this file", () => cacheOf(() => undefined), 1],
  ["that does not know this file after a while", () => cacheOf((n, at) => (at < 200_000 ? n : undefined)), 5],
])("a page cache %s: the rest is read asynchronously", async (_name, create, calls) => {
  const cache = create();
  const { exchange, close } = start(cache);
  expect(exchange.all.length).toBeLessThan(SIZE);
  await exchange.over;
  expect(Buffer.compare(exchange.all, content)).toBe(0);
  if (calls !== undefined) expect(cache.read).toHaveBeenCalledTimes(calls);
  expectReturned(close);
});

test("without a page cache, long transfers read larger chunks, and short ones small chunks", async () => {
  const { exchange } = start(noPageCache);
  await exchange.over;
  expect(Buffer.compare(exchange.all, content)).toBe(0);
  const lengths = exchange.received.map(({ length }) => length);
  expect([lengths[0], lengths[16]]).toEqual([64 * 1024, 256 * 1024]);
});

test("chunks are full, however little the cache holds, since each occupies its whole memory", async () => {
  const { exchange } = start(cacheOf(() => 4_096));
  await exchange.over;
  expect(exchange.received.slice(0, -1).every(({ length }) => length >= 64 * 1024)).toBe(true);
});

test.each([
  ["everything", everything],
  ["nothing", nothing],
])("ranges between texts, from a cache that holds %s", async (_name, create) => {
  const text = (value: string): Uint8Array => Buffer.from(value);
  const parts: Part[] = [
    text("a:"),
    { start: 0, end: 0 },
    text(" b:"),
    { start: 70_001, end: 200_003 },
    { start: SIZE - 3, end: SIZE - 1 },
    text("."),
  ];
  const { exchange, close } = start(create(), parts);
  await exchange.over;
  const pieces = ["a:", content.subarray(0, 1), " b:", content.subarray(70_001, 200_004), content.subarray(-3), "."];
  expect(Buffer.compare(exchange.all, Buffer.concat(pieces.map((piece) => Buffer.from(piece))))).toBe(0);
  expectReturned(close);
});

test("a cached file is read no further than the exchange has room", async () => {
  const exchange = new Recorder();
  exchange.chunksUntilFull = 2;
  const { close } = start(everything(), WHOLE, exchange);
  expect(exchange.received.length).toBe(2);
  exchange.drain(3);
  expect(exchange.received.length).toBe(5);
  expect(close).not.toHaveBeenCalled();
  exchange.drain(Number.POSITIVE_INFINITY);
  expect(Buffer.compare(exchange.all, content)).toBe(0);
  expectReturned(close);
});

test.each([
  ["everything", everything],
  ["nothing", nothing],
])("a file that shrinks fails the response, with a cache that holds %s", async (_name, create) => {
  const exchange = new Recorder();
  exchange.chunksUntilFull = 1;
  const { failures, close } = start(create(), WHOLE, exchange);
  await vi.waitUntil(() => exchange.received.length === 1);
  truncateSync(path, 100_000);
  exchange.drain(Number.POSITIVE_INFINITY);
  await exchange.over;
  expect(failures.map(({ message }) => message)).toEqual(["the file shrank while it was being sent"]);
  expect(Buffer.compare(exchange.all, content.subarray(0, 100_000))).toBe(0);
  expectReturned(close);
});

test("an error that the cache hides is reported by the asynchronous read", async () => {
  const exchange = new Recorder();
  const writeOnly = "a";
  const { failures, close } = start(
    cacheOf(() => undefined),
    WHOLE,
    exchange,
    writeOnly,
  );
  await exchange.over;
  expect((failures[0] as NodeJS.ErrnoException).code).toBe("EBADF");
  expectReturned(close);
});

test("a client that leaves during a write of cached content ends the transfer", () => {
  const exchange = new Recorder();
  exchange.onWrite = () => {
    if (exchange.received.length === 3) exchange.abort(new Error("the client left"));
  };
  const { close, failures } = start(everything(), WHOLE, exchange);
  expect(exchange.received.length).toBe(3);
  expect(failures).toEqual([]);
  expectReturned(close);
});
