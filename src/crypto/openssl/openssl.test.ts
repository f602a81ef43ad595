/** What only the engine on OpenSSL has: memory outside of JavaScript, and functions that may be missing. */

import { describe, expect, test } from "vitest";
import type { ForeignFunctions } from "../../base/foreign.ts";
import { SeededRng } from "../../base/rng.ts";
import { intercepted } from "../../base/testing/intercepted.ts";
import { hasCallList } from "../../host/engine/choice.ts";
import { koffi } from "../../host/engine/testing/koffi.ts";
import { type AeadName, IV_LENGTH, KEY_LENGTH, PacketBatch, TAG_LENGTH } from "../engine.ts";
import type { CurveKeyPair } from "../hybrid.ts";
import { portableEngine } from "../portable/index.ts";
import { batchOf } from "../testing/batch.ts";
import { createOpensslEngine } from "./index.ts";

const ffi = koffi as ForeignFunctions;
const AEADS = Object.keys(KEY_LENGTH) as AeadName[];

const packet = { header: new Uint8Array(9), packetNumberOffset: 5, packetNumber: 1, payload: new Uint8Array(30) };
const keysOf = (engine: ReturnType<typeof createOpensslEngine>, aead: AeadName) => ({
  packetKey: engine.createPacketKey(aead, new Uint8Array(KEY_LENGTH[aead]), new Uint8Array(IV_LENGTH)),
  headerKey: engine.createHeaderKey(aead, new Uint8Array(KEY_LENGTH[aead])),
});

const WAYS = [
  { name: "call by call", callList: false },
  { name: "with a call list", callList: true },
].filter(({ callList }) => hasCallList || !callList);

describe.skipIf(ffi === undefined).each(WAYS)("the openssl engine, $name", ({ callList }) => {
  /** Counts the contexts that exist, without those that the engine keeps. */
  function counted() {
    const open = { contexts: 0 };
    const engine = createOpensslEngine(
      intercepted(ffi, {
        EVP_CIPHER_CTX_new: () => void (open.contexts += 1),
        EVP_CIPHER_CTX_free: () => void (open.contexts -= 1),
      }),
      { callList },
    );
    const kept = open.contexts;
    open.contexts = 0;
    return { engine, open, kept };
  }

  test("its self-test leaves nothing behind but the two contexts of the single-shot AEAD that it tried", () => {
    expect(counted().kept).toBe(2);
  });

  test.each(AEADS)("%s keys free their contexts, once", (aead) => {
    const { engine, open } = counted();
    const { packetKey, headerKey } = keysOf(engine, aead);
    packetKey.seal(batchOf([packet]), 0, 0);
    packetKey.open(batchOf([packet]), 0, 0);
    headerKey.mask(batchOf([packet]), 0);
    expect(open.contexts).toBe(3);
    for (let i = 0; i < 2; i += 1) {
      packetKey.free();
      headerKey.free();
      expect(open.contexts).toBe(0);
    }
  });

  test.each(AEADS)("%s keys that were freed refuse to work, used before or not", (aead) => {
    for (const isUsed of [false, true]) {
      const { packetKey, headerKey } = keysOf(createOpensslEngine(ffi, { callList }), aead);
      if (isUsed) packetKey.seal(batchOf([packet]), 0, 0);
      packetKey.free();
      headerKey.free();
      expect(() => packetKey.seal(batchOf([packet]), 0, 0)).toThrow("freed");
      expect(() => packetKey.open(batchOf([packet]), 0, 0)).toThrow("freed");
      expect(() => headerKey.mask(batchOf([packet]), 0)).toThrow("freed");
    }
  });

  test.each([
    ["its tag ends after the arena", { header: 0, payload: 9, end: 65 }],
    ["its payload begins after the arena", { header: 0, payload: 2 ** 32 - 1, end: 64 }],
    ["its payload begins before its header", { header: 20, payload: 9, end: 64 }],
    ["it is too short for a tag", { header: 0, payload: 50, end: 50 + TAG_LENGTH - 1 }],
    ["it ends before its start", { header: 60, payload: 62, end: 4 }],
  ])("memory outside of the arena is never touched: %s", (_name, { header, payload, end }) => {
    const { packetKey } = keysOf(createOpensslEngine(ffi, { callList }), "aes-128-gcm");
    const whole = new Uint8Array(1024);
    const batch = new PacketBatch(whole.subarray(256, 256 + 64), 1);
    batch.count = 1;
    batch.header[0] = header;
    batch.payload[0] = payload;
    batch.end[0] = end;
    batch.ok[0] = 1;
    packetKey.open(batch, 0, 0);
    expect(batch.ok[0]).toBe(0);
    expect(() => packetKey.seal(batch, 0, 0)).toThrow(RangeError);
    expect(whole).toEqual(new Uint8Array(1024));
  });
});

describe.skipIf(ffi === undefined)("the openssl engine", () => {
  const single = { callList: false };

  /** Replaces a function by one made from the real one. */
  const replaced = (
    replacedName: string,
    replace: (real: (...values: number[]) => number) => (...values: number[]) => number,
  ): ForeignFunctions => ({
    ...ffi,
    load: (path) => {
      const library = ffi.load(path);
      return {
        func: (name, ...rest) => {
          const real = library.func(name, ...rest);
          return name === replacedName ? replace(real) : real;
        },
      };
    },
  });

  test("without a function or a cipher there is no engine", () => {
    const missing = replaced("EVP_CIPHER_fetch", () => {
      throw new Error("no such symbol");
    });
    expect(() => createOpensslEngine(missing, single)).toThrow("no such symbol");
    const without = replaced("EVP_CIPHER_fetch", () => () => 0);
    expect(() => createOpensslEngine(without, single)).toThrow("OpenSSL has no AES-128-GCM");
  });

  test("a missing cipher leaves no error that node:crypto would report", () => {
    const name = Buffer.from("no such cipher\0");
    const unknown = replaced("EVP_CIPHER_fetch", (real) => () => real(0, Number(ffi.address(name)), 0));
    expect(() => createOpensslEngine(unknown, single)).toThrow("OpenSSL has no AES-128-GCM");
    expect(Number(ffi.load(null).func("ERR_peek_error", "uint64", [])())).toBe(0);
  });

  test("an engine with a wrong answer is refused", () => {
    const failing = intercepted(ffi, { EVP_CipherUpdate: () => 1 });
    expect(() => createOpensslEngine(failing, single)).toThrow("OpenSSL refused a call");
    const GET_TAG = 0x10;
    // The tag stays as it was.
    const tagless = replaced(
      "EVP_CIPHER_CTX_ctrl",
      (real) =>
        (...values) =>
          values[1] === GET_TAG ? 1 : real(...values),
    );
    expect(() => createOpensslEngine(tagless, single)).toThrow("a known answer of chacha20-poly1305 is wrong");
    // Whatever is opened counts as genuine.
    const trusting = replaced("EVP_CipherFinal_ex", (real) => (...values) => {
      real(...values);
      return 1;
    });
    expect(() => createOpensslEngine(trusting, single)).toThrow("a known answer of chacha20-poly1305 is wrong");
  });

  test("an engine with a wrong hash, HMAC or shared secret is refused", () => {
    const wrong = "a known answer of the handshake is wrong";
    const silent = () => () => 1;
    expect(() => createOpensslEngine(replaced("EVP_DigestUpdate", silent), single)).toThrow(wrong);
    expect(() => createOpensslEngine(replaced("EVP_MAC_update", silent), single)).toThrow(wrong);
    expect(() => createOpensslEngine(replaced("EVP_PKEY_derive", silent), single)).toThrow(wrong);
    const without = (name: string) =>
      createOpensslEngine(
        replaced(name, () => () => 0),
        single,
      );
    expect(() => without("EVP_MAC_fetch")).toThrow("OpenSSL has no HMAC");
    expect(() => without("EVP_MD_fetch")).toThrow("OpenSSL has no SHA256");
  });

  test("a refused share and a forged packet leave no error that node:crypto would report", () => {
    const engine = createOpensslEngine(ffi, { callList: true });
    expect(engine.generateKeyPair("x25519", new SeededRng(1)).deriveShared(new Uint8Array(32))).toBeUndefined();
    expect(() => portableEngine.generateKeyPair("x25519", new SeededRng(1))).not.toThrow();
    for (const aead of AEADS) {
      const { packetKey } = keysOf(engine, aead);
      const batch = batchOf([packet]);
      packetKey.open(batch, 0, 0);
      expect(batch.ok[0]).toBe(0);
      const key = new Uint8Array(KEY_LENGTH[aead]);
      expect(engine.aeadOpen(aead, key, new Uint8Array(IV_LENGTH), key, new Uint8Array(40))).toBeUndefined();
      expect(() => portableEngine.generateKeyPair("x25519", new SeededRng(1))).not.toThrow();
    }
  });

  test("a key pair that answered a share is freed at once, and one that waits for an answer when asked", () => {
    const keys = new Set<number>();
    const engine = createOpensslEngine(
      {
        ...ffi,
        load: (path) => {
          const library = ffi.load(path);
          return {
            func: (name, ...rest) => {
              const real = library.func(name, ...rest);
              if (name.startsWith("EVP_PKEY_new_raw")) {
                return (...values) => {
                  const key = real(...values);
                  keys.add(key);
                  return key;
                };
              }
              if (name !== "EVP_PKEY_free") return real;
              return (key) => {
                expect(keys.delete(key!)).toBe(true);
                return real(key!);
              };
            },
          };
        },
      },
      single,
    );
    keys.clear(); // Those of the self-test wait for the collector.
    const client = portableEngine.generateKeyPair("x25519", new SeededRng(1));
    const answer = engine.answerShare("x25519", client.publicKey, new SeededRng(2))!;
    expect(client.deriveShared(answer.share)).toEqual(answer.secret);
    expect(keys.size).toBe(0);
    expect(engine.answerShare("x25519", new Uint8Array(31), new SeededRng(2))).toBeUndefined();
    expect(engine.answerShare("x25519", new Uint8Array(32), new SeededRng(2))).toBeUndefined();
    expect(keys.size).toBe(0);
    const pair = engine.generateKeyPair("x25519", new SeededRng(3)) as CurveKeyPair;
    expect(keys.size).toBe(1);
    pair.free!();
    expect(keys.size).toBe(0);
    expect(() => pair.deriveShared(client.publicKey)).toThrow("freed");
  });
});
