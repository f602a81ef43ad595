import { generateKeyPairSync } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import vectors from "../../test/vectors/rfc8448.json" with { type: "json" };
import { ProtocolError } from "../base/errors.ts";
import { fromHex, toHex } from "../wire/hex.ts";
import { concat } from "../wire/text.ts";
import { expectCode } from "./testing/expect.ts";
import { der, makeCertificate } from "./testing/identity.ts";
import { subjectPublicKeyInfo } from "./x509.ts";

/** The same element with 200 more bytes and a non-minimal two-byte length. */
function longForm(element: Uint8Array): Uint8Array {
  const contents = concat(element.subarray(2), new Uint8Array(200));
  return concat(Uint8Array.of(element[0]!, 0x82, 0, contents.length), contents);
}

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

  const spki = der(0x30, fromHex("0500"));
  const empty = der(0x30);
  const serial = der(0x02, Uint8Array.of(1));
  const wrap = (...fields: readonly Uint8Array[]): Uint8Array => der(0x30, der(0x30, ...fields));
  const good = wrap(serial, empty, empty, empty, empty, spki);
  const contents = good.subarray(2);
  const broken: readonly [string, Uint8Array][] = [
    ["nothing", new Uint8Array(0)],
    ["another tag outside", concat(Uint8Array.of(0x31), good.subarray(1))],
    ["another tag inside", wrap(der(0x04, Uint8Array.of(1)), empty, empty, empty, empty, spki)],
    ["a key that is not a sequence", wrap(serial, empty, empty, empty, empty, der(0x04))],
    ["one field too few", wrap(serial, empty, empty, empty, spki)],
    ["a length beyond the end", good.subarray(0, -1)],
    ["the indefinite length, which DER forbids", concat(Uint8Array.of(0x30, 0x80), contents)],
    ["a length that is not minimal", concat(Uint8Array.of(0x30, 0x81, contents.length), contents)],
    ["a length with a leading zero", der(0x30, der(0x30, serial, empty, empty, empty, empty, longForm(spki)))],
    ["a length of four bytes", concat(Uint8Array.of(0x30, 0x84, 1, 0, 0, 0), contents)],
    ["a length of 127 bytes", concat(Uint8Array.of(0x30), new Uint8Array(128).fill(0xff), contents)],
  ];
  it("reads the unmodified certificate", () => {
    expect(subjectPublicKeyInfo(good)).toEqual(spki);
  });
  for (const [what, certificate] of broken) {
    it(`refuses ${what}: bad_certificate`, () => {
      expectCode(() => subjectPublicKeyInfo(certificate), "bad_certificate");
    });
  }

  it("finds a key in any bytes or refuses them", () => {
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
