/** Ephemeral Diffie-Hellman (RFC 8446 §7.4.2) on every engine. */

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { runs } from "../../test/properties/runs.ts";
import { type Rng, SeededRng } from "../base/rng.ts";
import { fromHex } from "../wire/hex.ts";
import type { CurveName } from "./engine.ts";
import { drawScalar } from "./scalar.ts";
import { ENGINES } from "./testing/engines.ts";
import { EXCHANGE_VECTORS, X25519_LOW_ORDER } from "./testing/vectors.ts";

const GROUPS: readonly CurveName[] = ["x25519", "secp256r1", "secp384r1"];
const SHARE_LENGTH = { x25519: 32, secp256r1: 65, secp384r1: 97 };

/** Returns exactly these bytes, one array per fill. */
const scripted = (...fills: readonly Uint8Array[]): Rng => {
  let next = 0;
  return { fill: (target) => target.set(fills[next++]!), uint32: () => 0 };
};

describe.each(ENGINES)("$name", (engine) => {
  it.each(EXCHANGE_VECTORS)("$name", ({ group, scalar, publicKey, peerPublicKey, shared }) => {
    const pair = engine.generateKeyPair(group, scripted(scalar));
    expect(pair.publicKey).toEqual(publicKey);
    expect(pair.deriveShared(peerPublicKey)).toEqual(shared);
  });

  it.each(GROUPS)("both sides of %s derive the same secret", (group) => {
    const rng = new SeededRng(5);
    const [client, server] = [engine.generateKeyPair(group, rng), engine.generateKeyPair(group, rng)];
    expect(client.publicKey).toHaveLength(SHARE_LENGTH[group]);
    expect(client.publicKey).not.toEqual(server.publicKey);
    const secret = client.deriveShared(server.publicKey);
    expect(secret).toBeDefined();
    expect(server.deriveShared(client.publicKey)).toEqual(secret);
  });

  it.each(GROUPS)("refuses a %s share of the wrong length", (group) => {
    const pair = engine.generateKeyPair(group, new SeededRng(6));
    const share = engine.generateKeyPair(group, new SeededRng(7)).publicKey;
    for (const length of [0, 1, share.length - 1]) expect(pair.deriveShared(share.subarray(0, length))).toBeUndefined();
    const longer = new Uint8Array(share.length + 1);
    longer.set(share);
    expect(pair.deriveShared(longer)).toBeUndefined();
  });

  it.each(X25519_LOW_ORDER)("refuses an x25519 point that yields the all-zero secret (%#)", (point) => {
    expect(engine.generateKeyPair("x25519", new SeededRng(8)).deriveShared(point)).toBeUndefined();
  });

  it.each(["secp256r1", "secp384r1"] as const)(
    "refuses %s points off the curve, compressed or at infinity",
    (group) => {
      const pair = engine.generateKeyPair(group, new SeededRng(9));
      const share = engine.generateKeyPair(group, new SeededRng(10)).publicKey;
      const offCurve = share.slice();
      offCurve[share.length - 1]! ^= 1;
      expect(pair.deriveShared(offCurve)).toBeUndefined();
      const compressed = share.slice(0, (share.length + 1) / 2);
      compressed[0] = 2 + (share.at(-1)! & 1);
      expect(pair.deriveShared(compressed)).toBeUndefined();
      expect(pair.deriveShared(new Uint8Array(1))).toBeUndefined();
      expect(pair.deriveShared(new Uint8Array(share.length))).toBeUndefined();
      const hybrid = share.slice();
      hybrid[0] = 6 + (share.at(-1)! & 1);
      expect(pair.deriveShared(hybrid)).toBeUndefined();
    },
  );

  it.each(["secp256r1", "secp384r1"] as const)("refuses %s coordinates outside the field", (group) => {
    const share = new Uint8Array(SHARE_LENGTH[group]).fill(0xff);
    share[0] = 4;
    expect(engine.generateKeyPair(group, new SeededRng(11)).deriveShared(share)).toBeUndefined();
  });

  it("keeps the leading zeros of shared secrets (RFC 8446 §7.4.2)", () => {
    // Tries seeds until a secret begins with a zero byte, as one in 256 does.
    const pair = engine.generateKeyPair("secp256r1", new SeededRng(12));
    const lengths = new Set<number>();
    for (let seed = 0; ; seed += 1) {
      const secret = pair.deriveShared(engine.generateKeyPair("secp256r1", new SeededRng(seed)).publicKey)!;
      lengths.add(secret.length);
      if (secret[0] === 0) break;
    }
    expect([...lengths]).toEqual([32]);
  });
});

describe("private scalars", () => {
  const order = fromHex("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551");
  const largest = order.slice();
  largest[31]! -= 1;

  it("are redrawn if zero or not below the order", () => {
    const above = new Uint8Array(32).fill(0xff);
    expect(drawScalar("secp256r1", scripted(new Uint8Array(32), order, above, largest))).toEqual(largest);
  });

  it("give the same key pair in every engine", () => {
    fc.assert(
      fc.property(fc.constantFrom(...GROUPS), fc.nat(), fc.nat(), (group, seed, peerSeed) => {
        const [first, ...others] = ENGINES.map((engine) => {
          const pair = engine.generateKeyPair(group, new SeededRng(seed));
          const peer = engine.generateKeyPair(group, new SeededRng(peerSeed));
          return { publicKey: pair.publicKey, shared: pair.deriveShared(peer.publicKey) };
        });
        expect(first!.shared).toBeDefined();
        for (const other of others) expect(other).toEqual(first);
      }),
      { numRuns: runs(15) },
    );
  });

  it("make every engine agree on any x25519 share", () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), (share) => {
        const [first, ...others] = ENGINES.map((engine) =>
          engine.generateKeyPair("x25519", new SeededRng(1)).deriveShared(share),
        );
        for (const other of others) expect(other).toEqual(first);
      }),
      { numRuns: runs(20) },
    );
  });
});
