/** Hashes, HMAC, HKDF (RFC 5869) and the labels of TLS 1.3 (RFC 8446 §7.1) on every engine. */

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { fromHex, toHex } from "../wire/hex.ts";
import { concat, utf8 } from "../wire/text.ts";
import { HASH_LENGTH, type HashName } from "./engine.ts";
import { deriveSecret, hkdfExpand, hkdfExpandLabel, hkdfExtract } from "./hkdf.ts";
import { ENGINES } from "./testing/engines.ts";
import { RFC9001_PACKETS } from "./testing/rfc9001.ts";
import { HKDF_VECTORS } from "./testing/vectors.ts";

const HASHES = Object.keys(HASH_LENGTH) as HashName[];
const NOTHING = new Uint8Array(0);

describe.each(ENGINES)("$name", (engine) => {
  it("hashes (FIPS 180-4 examples)", () => {
    expect(toHex(engine.hash("sha256", utf8("abc")))).toBe(
      "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
    );
    expect(toHex(engine.hash("sha384", utf8("abc")))).toBe(
      "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7",
    );
  });

  it("computes HMAC (RFC 4231 §4.3)", () => {
    const [key, data] = [utf8("Jefe"), utf8("what do ya want for nothing?")];
    expect(toHex(engine.hmac("sha256", key, data))).toBe(
      "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
    );
    expect(toHex(engine.hmac("sha384", key, data))).toBe(
      "af45d2e376484031617f78d2b58a6b1b9c7ef464f5a01b47e42ec3736322445e8e2240ca5e69e2c78b3239ecfab21649",
    );
  });

  it.each(HASHES)("continues a running %s after a digest", (name) => {
    const running = engine.createHash(name);
    expect(running.digest()).toEqual(engine.hash(name, NOTHING));
    running.update(utf8("one"));
    const first = running.digest();
    running.update(utf8(" two"));
    expect(first).toEqual(engine.hash(name, utf8("one")));
    expect(running.digest()).toEqual(engine.hash(name, utf8("one two")));
    expect(running.digest()).toEqual(engine.hash(name, utf8("one two")));
  });

  it.each(HKDF_VECTORS)("$name", ({ hash, secret, salt, info, extracted, expanded }) => {
    expect(hkdfExtract(engine, hash, salt, secret)).toEqual(extracted);
    expect(hkdfExpand(engine, hash, extracted, info, expanded.length)).toEqual(expanded);
  });

  it("outputs the requested length, each output a prefix of the longer ones", () => {
    const secret = engine.hash("sha384", NOTHING);
    const longest = hkdfExpand(engine, "sha384", secret, NOTHING, 255 * 48);
    for (const length of [0, 1, 47, 48, 49, 96, 200]) {
      expect(hkdfExpand(engine, "sha384", secret, NOTHING, length)).toEqual(longest.slice(0, length));
    }
    expect(() => hkdfExpand(engine, "sha384", secret, NOTHING, 255 * 48 + 1)).toThrow(RangeError);
  });

  it("derives the Initial secrets of RFC 9001 §A.1", () => {
    const salt = fromHex("38762cf7f55934b34d179ae6a4c80cadccbb7f0a");
    const initial = hkdfExtract(engine, "sha256", salt, fromHex("8394c8f03e515708"));
    expect(toHex(initial)).toBe("7db5df06e7a69e432496adedb00851923595221596ae2ae9fb8115c1e9ed0a44");
    for (const [label, vector] of [
      ["client in", RFC9001_PACKETS[0]!],
      ["server in", RFC9001_PACKETS[1]!],
    ] as const) {
      expect(hkdfExpandLabel(engine, "sha256", initial, label, NOTHING, 32)).toEqual(vector.secret);
    }
  });

  it.each(RFC9001_PACKETS)("derives the packet keys of RFC 9001 $name", (vector) => {
    const expand = (label: string, length: number) =>
      hkdfExpandLabel(engine, vector.hash, vector.secret, label, NOTHING, length);
    expect(expand("quic key", vector.key.length)).toEqual(vector.key);
    expect(expand("quic iv", vector.iv.length)).toEqual(vector.iv);
    expect(expand("quic hp", vector.headerKey.length)).toEqual(vector.headerKey);
  });

  it("derives secrets as in RFC 8448 §3", () => {
    const zeros = new Uint8Array(32);
    const early = hkdfExtract(engine, "sha256", NOTHING, zeros);
    expect(toHex(early)).toBe("33ad0a1c607ec03b09e6cd9893680ce210adf300aa1f2660e1b22e10f170f92a");
    const derived = deriveSecret(engine, "sha256", early, "derived", engine.hash("sha256", NOTHING));
    expect(toHex(derived)).toBe("6f2615a108c702c5678f54fc9dbab69716c076189c48250cebeac3576c3611ba");
  });
});

describe("the engines agree", () => {
  it("on hashes and HMACs of any input", () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...HASHES),
        fc.uint8Array({ maxLength: 200 }),
        fc.uint8Array({ maxLength: 300 }),
        (name, key, bytes) => {
          const [first, ...others] = ENGINES.map((engine) =>
            concat(engine.hash(name, bytes), engine.hmac(name, key, bytes)),
          );
          for (const other of others) expect(other).toEqual(first);
        },
      ),
    );
  });
});
