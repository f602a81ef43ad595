import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { decode } from "./decode.ts";

const SIZE = 64 * 1024 * 1024;
const zeros = Buffer.alloc(SIZE);

const CODINGS = [
  ["gzip", "gzip", gzipSync],
  ["deflate, in the zlib format", "deflate", deflateSync],
  ["deflate, raw", "deflate", deflateRawSync],
  ["br", "br", brotliCompressSync],
] as const;

const streamOf = (bytes: Uint8Array): ReadableStream<Uint8Array> =>
  new ReadableStream({
    start(controller) {
      controller.enqueue(bytes);
      controller.close();
    },
  });

describe.each(CODINGS)("%s", (_name, coding, compress) => {
  test("is decoded no faster than it is read", async () => {
    const reader = decode(streamOf(compress(zeros)), coding)!.getReader();
    const before = process.memoryUsage().arrayBuffers;
    let read = 0;
    let largest = 0;
    for (let i = 0; i < 20; i++) {
      const { value } = await reader.read();
      read += value!.length;
      largest = Math.max(largest, value!.length);
      // Gives any read-ahead a chance to run.
      for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
    }
    expect(largest).toBeLessThanOrEqual(64 * 1024);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(SIZE / 4);
    expect(read).toBeLessThanOrEqual(20 * 64 * 1024);
    await reader.cancel();
  });

  test("is decoded completely", async () => {
    const body = decode(streamOf(compress(Buffer.alloc(3_000_000, "ab"))), coding);
    const all = new Uint8Array(await new Response(body).arrayBuffer());
    expect(Buffer.compare(all, Buffer.alloc(3_000_000, "ab"))).toBe(0);
  });
});
