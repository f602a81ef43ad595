/** X25519MLKEM768 on every engine: ML-KEM-768 against OpenSSL 3.5, and both sides of the exchange. */

import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import vectors from "../../test/vectors/ml-kem-768.json" with { type: "json" };
import { SeededRng } from "../base/rng.ts";
import { systemRng } from "../host/random.ts";
import { fromHex, toHex } from "../wire/hex.ts";
import { portableMlKem } from "./portable/ml-kem.ts";
import { pureMlKem } from "./pure/ml-kem.ts";
import { ENGINES } from "./testing/engines.ts";

const GROUP = "x25519mlkem768";

describe.each([
  ["portable", portableMlKem],
  ["pure", pureMlKem],
] as const)("ML-KEM-768, %s", (_name, kem) => {
  const pair = kem.keyPair(fromHex(vectors.seed));

  it("makes the same key of a seed as OpenSSL", () => {
    expect(pair.publicKey).toHaveLength(1184);
    expect(createHash("sha3-256").update(pair.publicKey).digest("hex")).toBe(vectors.keyHash);
  });

  it("decapsulates what OpenSSL has encapsulated", () => {
    expect(toHex(pair.decapsulate(fromHex(vectors.ciphertext))!)).toBe(vectors.secret);
  });

  it("gives a secret that nobody has for a changed ciphertext (FIPS 203 §6.3), and none for one of another length", () => {
    const changed = fromHex(vectors.ciphertext);
    changed[500]! ^= 1;
    const secret = pair.decapsulate(changed)!;
    expect(secret).toHaveLength(32);
    expect(toHex(secret)).not.toBe(vectors.secret);
    expect(pureMlKem.keyPair(fromHex(vectors.seed)).decapsulate(changed)).toEqual(secret);
    expect(pair.decapsulate(changed.subarray(1))).toBeUndefined();
  });

  it("refuses a key with a coefficient that is not reduced (FIPS 203 §7.2)", () => {
    for (const rng of [new SeededRng(1), systemRng]) {
      expect(kem.encapsulate(new Uint8Array(1184).fill(0xff), rng)).toBeUndefined();
      expect(kem.encapsulate(pair.publicKey, rng)).toBeDefined();
    }
  });
});

describe.each(ENGINES)("$name", (engine) => {
  it("gives both sides the same secret of 64 bytes, with the system's randomness and with a seed", () => {
    for (const rng of [systemRng, new SeededRng(4)]) {
      const client = engine.generateKeyPair(GROUP, rng);
      expect(client.publicKey).toHaveLength(1216);
      const answer = engine.answerShare(GROUP, client.publicKey, rng)!;
      expect(answer.share).toHaveLength(1120);
      expect(answer.secret).toHaveLength(64);
      expect(client.deriveShared(answer.share)).toEqual(answer.secret);
    }
  });

  it("makes the same bytes as every other engine for the same seed", () => {
    for (const other of ENGINES) {
      const [client, peer] = [engine, other].map((each) => each.generateKeyPair(GROUP, new SeededRng(5)));
      expect(client!.publicKey).toEqual(peer!.publicKey);
      const answers = [engine, other].map((each) => each.answerShare(GROUP, client!.publicKey, new SeededRng(6)));
      expect(answers[0]).toEqual(answers[1]);
    }
  });

  it("refuses shares of a wrong length, with an invalid key, or with a point that yields zero", () => {
    const rng = new SeededRng(7);
    const client = engine.generateKeyPair(GROUP, rng);
    const answer = engine.answerShare(GROUP, client.publicKey, rng)!;
    for (const length of [0, 32, 1184, 1215]) {
      expect(engine.answerShare(GROUP, client.publicKey.subarray(0, length), rng)).toBeUndefined();
      expect(client.deriveShared(answer.share.subarray(0, Math.min(length, 1119)))).toBeUndefined();
    }
    expect(engine.answerShare(GROUP, new Uint8Array(1216).fill(0xff), rng)).toBeUndefined();
    const zero = client.publicKey.slice();
    zero.fill(0, 1184);
    expect(engine.answerShare(GROUP, zero, rng)).toBeUndefined();
    const zeroAnswer = answer.share.slice();
    zeroAnswer.fill(0, 1088);
    expect(client.deriveShared(zeroAnswer)).toBeUndefined();
  });

  it("depends on both parts", () => {
    const rng = new SeededRng(8);
    const client = engine.generateKeyPair(GROUP, rng);
    const { share, secret } = engine.answerShare(GROUP, client.publicKey, rng)!;
    for (const at of [10, 1100]) {
      const changed = share.slice();
      changed[at]! ^= 1;
      expect(client.deriveShared(changed)).not.toEqual(secret);
    }
  });
});
