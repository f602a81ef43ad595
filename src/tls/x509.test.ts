import { generateKeyPairSync } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import vectors from "../../test/vectors/rfc8448.json" with { type: "json" };
import { ProtocolError } from "../base/errors.ts";
import { fromHex, toHex } from "../wire/hex.ts";
import { expectCode } from "./testing/expect.ts";
import { der, makeCertificate } from "./testing/identity.ts";
import { subjectPublicKeyInfo } from "./x509.ts";

describe("subjectPublicKeyInfo", () => {
  it("finds the key of every kind that signs handshakes", () => {
    const keys = [
      generateKeyPairSync("ed25519"),
      generateKeyPairSync("ec", { namedCurve: "P-256" }),
      generateKeyPairSync("rsa", { modulusLength: 4096 }),
    ];
    for (const { publicKey } of keys) {
      const spki = new Uint8Array(publicKey.export({ type: "spki", format: "der" }));
      expect(subjectPublicKeyInfo(makeCertificate(spki))).toEqual(spki);
    }
  });

  it("reads the certificate of RFC 8448 §3", () => {
    // The Certificate message: header, empty context, list length, certificate length.
    const certificate = fromHex(vectors.messages.certificate).subarray(4 + 1 + 3 + 3);
    const key = toHex(subjectPublicKeyInfo(certificate));
    expect(key.startsWith("30819f300d06092a864886f70d010101050003818d00")).toBe(true);
    expect(key).toHaveLength(2 * 162);
  });

  it("reads a certificate of version 1, which has no version field", () => {
    const spki = der(0x30, fromHex("0500"));
    const sequence = der(0x30);
    const tbs = der(0x30, der(0x02, Uint8Array.of(1)), sequence, sequence, sequence, sequence, spki);
    expect(subjectPublicKeyInfo(der(0x30, tbs))).toEqual(spki);
  });

  const broken: readonly [string, string][] = [
    ["nothing", ""],
    ["another tag", "310a3008"],
    ["a length longer than the bytes", "30053003"],
    ["the indefinite length, which DER forbids", "30803080"],
    ["a length not in its shortest form", "3081023000"],
    ["a length with a leading zero", "308200023000"],
    ["a length of four bytes", "308400000002"],
  ];
  for (const [what, hex] of broken) {
    it(`refuses ${what}: bad_certificate`, () => {
      expectCode(() => subjectPublicKeyInfo(fromHex(hex)), "bad_certificate");
    });
  }

  it("finds a key in any bytes, or refuses them", () => {
    const real = makeCertificate(der(0x30, fromHex("0500")));
    const mutated = fc
      .tuple(fc.nat(real.length - 1), fc.nat(255))
      .map(([at, value]) => real.map((byte, i) => (i === at ? value : byte)));
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 300 }), mutated), (bytes) => {
        try {
          expect(subjectPublicKeyInfo(bytes)[0]).toBe(0x30);
        } catch (error) {
          if (!(error instanceof ProtocolError)) throw error;
        }
      }),
    );
  });
});
