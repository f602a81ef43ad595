/** What only the call list has: machine code, slots, and a way to do without them. */

import { describe, expect, test } from "vitest";
import type { ForeignFunctions } from "../../base/foreign.ts";
import { intercepted } from "../../base/testing/intercepted.ts";
import { hasCallList } from "../../host/engine/choice.ts";
import { koffi } from "../../host/engine/testing/koffi.ts";
import { type AeadName, type CryptoEngine, IV_LENGTH, KEY_LENGTH, PacketBatch } from "../engine.ts";
import { portableEngine } from "../portable/index.ts";
import { batchOf, type ClearPacket, packetBytes, payloadBytes } from "../testing/batch.ts";
import { ARGUMENTS, CALL_BYTES, FUNCTION, mapRunCalls, RESULT } from "./call-list.ts";
import { createOpensslEngine } from "./index.ts";

const ffi = koffi as ForeignFunctions;
const AEADS = Object.keys(KEY_LENGTH) as AeadName[];
const EACCES = 13;

/** Numbered so that each packet differs, with lengths from 0 up. */
const packets = (count: number): ClearPacket[] =>
  Array.from({ length: count }, (_, i) => ({
    header: new Uint8Array(9).fill(i),
    packetNumberOffset: 5,
    packetNumber: 2 ** 32 - 3 + i,
    payload: new Uint8Array((i * 7) % 50).fill(i + 1),
  }));
const keyOf = (engine: CryptoEngine, aead: AeadName) =>
  engine.createPacketKey(aead, new Uint8Array(KEY_LENGTH[aead]).fill(3), new Uint8Array(IV_LENGTH).fill(5));

describe.skipIf(ffi === undefined || !hasCallList)("the call list", () => {
  const engine = ffi && hasCallList ? createOpensslEngine(ffi, { callList: true }) : portableEngine;

  test("is used here", () => {
    expect(engine.detail).toBe("a batch in one call");
  });

  test.each(AEADS)("%s: batches of every size are like the portable engine's", (aead) => {
    const key = keyOf(engine, aead);
    const most = 130;
    const clear = packets(most);
    const expected = batchOf(clear, 3);
    keyOf(portableEngine, aead).seal(expected, 0, 7);
    for (let size = 1; size <= most; size += 1) {
      const from = size % 3 === 0 ? 1 : 0;
      const batch = batchOf(clear.slice(0, size), 3);
      const before = batch.arena.slice();
      const start = batch.header[from]!;
      key.seal(batch, from, 7);
      expect(batch.arena.subarray(0, start)).toEqual(before.subarray(0, start));
      expect(Buffer.compare(batch.arena.subarray(start), expected.arena.subarray(start, batch.arena.length))).toBe(0);
      key.open(batch, from, 7);
      for (let i = 0; i < size; i += 1) {
        expect(batch.ok[i]).toBe(i < from ? 0 : 1);
        if (i >= from) expect(Buffer.compare(payloadBytes(batch, i), clear[i]!.payload)).toBe(0);
      }
    }
    key.free();
  });

  test.each(AEADS)("%s: forged packets and packets outside of the arena fail alone", (aead) => {
    const key = keyOf(engine, aead);
    const count = 150;
    const batch = batchOf(packets(count));
    key.seal(batch, 0, 0);
    const forged = (i: number) => i % 5 === 0 || (i > 60 && i < 70);
    const outside = (i: number) => i % 7 === 3;
    for (let i = 0; i < count; i += 1) {
      if (forged(i)) batch.arena[batch.end[i]! - 1 - (i % 16)]! ^= 0x10;
      if (outside(i)) batch.payload[i] = batch.end[i]!;
    }
    const before = packetBytes(batch, 3);
    batch.ok.fill(7);
    key.open(batch, 0, 0);
    for (let i = 0; i < count; i += 1) {
      const isGenuine = !forged(i) && !outside(i);
      expect([i, batch.ok[i]]).toEqual([i, isGenuine ? 1 : 0]);
      if (isGenuine) expect(payloadBytes(batch, i)).toEqual(packets(count)[i]!.payload);
    }
    expect(packetBytes(batch, 3)).toEqual(before);
    key.free();
  });

  test("keys in turn, in both directions, keep apart", () => {
    const keys = AEADS.map((aead) => keyOf(engine, aead));
    const batches = keys.map(() => batchOf(packets(20)));
    for (const [i, key] of keys.entries()) key.seal(batches[i]!, 0, i);
    for (const [i, key] of keys.entries()) {
      key.open(batches[i]!, 0, i);
      expect([...batches[i]!.ok]).toEqual(new Array(20).fill(1));
    }
  });

  test("nothing is sealed in a batch with a packet outside of the arena", () => {
    const batch = batchOf(packets(3));
    batch.end[2] = batch.arena.length + 1;
    const before = batch.arena.slice();
    expect(() => keyOf(engine, "aes-128-gcm").seal(batch, 0, 0)).toThrow(RangeError);
    expect(batch.arena).toEqual(before);
  });

  test("an arena in the middle of a buffer is where it is", () => {
    const whole = new Uint8Array(4096);
    const source = batchOf(packets(8), 3);
    const batch = new PacketBatch(whole.subarray(1001, 1001 + source.arena.length), 8);
    batch.arena.set(source.arena);
    for (const name of ["header", "packetNumberOffset", "payload", "end", "packetNumber"] as const) {
      batch[name].set(source[name]);
    }
    batch.count = 8;
    const key = keyOf(engine, "chacha20-poly1305");
    key.seal(batch, 0, 0);
    key.seal(source, 0, 0);
    expect(batch.arena).toEqual(source.arena);
    expect(whole.subarray(0, 1001).every((byte) => byte === 0)).toBe(true);
    expect(whole.subarray(1001 + batch.arena.length).every((byte) => byte === 0)).toBe(true);
  });
});

describe.skipIf(ffi === undefined || !hasCallList)("the machine code", () => {
  test("passes six arguments, keeps each result, counts what is not 1, and returns often", () => {
    const process = ffi.load(null);
    const symbol = process.func("dlsym", "uintptr_t", ["uintptr_t", "str"]) as unknown as (
      handle: number,
      name: string,
    ) => number;
    const run = mapRunCalls(ffi);
    const memory = new Uint8Array(3 * CALL_BYTES + 64);
    const view = new DataView(memory.buffer);
    const address = Number(ffi.address(memory));
    const text = 3 * CALL_BYTES;
    const call = (index: number, name: string, ...values: number[]) => {
      view.setBigUint64(index * CALL_BYTES + FUNCTION, BigInt(symbol(0, name)), true);
      for (const [i, value] of values.entries()) {
        view.setBigUint64(index * CALL_BYTES + ARGUMENTS + 8 * i, BigInt(value), true);
      }
    };
    memory.set(Buffer.from("%d-%d-%d\0"), text);
    call(0, "snprintf", 32, address + text, 11, 22, 33);
    call(1, "abs");
    call(2, "abs");
    // The first argument of `snprintf` is a buffer, of `abs` a number: two runs.
    const result = (index: number) => view.getInt32(index * CALL_BYTES + RESULT, true);
    expect(run(address, 1, address + text + 16)).toBe(1);
    expect(Buffer.from(memory.subarray(text + 16, text + 24)).toString()).toBe("11-22-33");
    expect(result(0)).toBe(8);
    for (let i = 0; i < 10_000; i += 1) expect(run(address + CALL_BYTES, 2, 1)).toBe(0);
    expect([result(1), result(2)]).toEqual([1, 1]);
    expect(run(address + CALL_BYTES, 2, 9)).toBe(2);
    expect([result(1), result(2)]).toEqual([9, 9]);
  });

  test("is never writable and executable", () => {
    const PROT_WRITE = 2;
    const PROT_EXEC = 4;
    const protections: number[] = [];
    mapRunCalls(
      intercepted(ffi, {
        mmap: (_at, _length, protection) => void protections.push(protection!),
        mprotect: (_at, _length, protection) => void protections.push(protection!),
      }),
    );
    expect(protections.map((protection) => protection & (PROT_WRITE | PROT_EXEC))).toEqual([PROT_WRITE, PROT_EXEC]);
  });
});

describe.skipIf(ffi === undefined || !hasCallList)("without executable memory", () => {
  test.each(["mmap", "mprotect"])("as %s refuses it, packets are protected call by call", (name) => {
    let pages = 0;
    const refusing = intercepted(ffi, {
      mmap: () => (name === "mmap" ? EACCES : void (pages += 1)),
      munmap: () => void (pages -= 1),
      mprotect: () => EACCES,
    });
    const engine = createOpensslEngine(refusing, { callList: true });
    expect(engine.detail).toBe(`call by call: executable memory is not allowed (${name}, errno ${EACCES})`);
    expect(pages).toBe(0);
    const batch = batchOf(packets(3));
    const key = keyOf(engine, "aes-128-gcm");
    key.seal(batch, 0, 0);
    key.open(batch, 0, 0);
    expect([...batch.ok]).toEqual([1, 1, 1]);
  });

  test("without a function as well", () => {
    const engine = createOpensslEngine(
      {
        ...ffi,
        load: (path) => {
          const library = ffi.load(path);
          return { func: (name, ...rest) => (name === "dlsym" ? () => 0 : library.func(name, ...rest)) };
        },
      },
      { callList: true },
    );
    expect(engine.detail).toBe("call by call: OpenSSL has no EVP_CipherInit_ex2");
  });

  test.each<[name: string, run: (real: (...values: number[]) => number) => (...values: number[]) => number]>([
    ["does nothing", () => () => 0],
    [
      "takes forged packets for genuine",
      (real) =>
        (...values) =>
          real(...values) * 0,
    ],
    [
      "reports failures that are none",
      (real) =>
        (...values) =>
          real(...values) + 1,
    ],
  ])("code that %s is not used", (_name, replace) => {
    const wrong: ForeignFunctions = { ...ffi, decode: (address, type) => replace(ffi.decode(address, type)) };
    const engine = createOpensslEngine(wrong, { callList: true });
    expect(engine.detail).toMatch(/^call by call: /);
  });

  test("is not asked for unless it is wanted", () => {
    let pages = 0;
    const watched = intercepted(ffi, { mmap: () => void (pages += 1) });
    expect(createOpensslEngine(watched, { callList: false }).detail).toBe("call by call");
    expect(pages).toBe(0);
  });
});
