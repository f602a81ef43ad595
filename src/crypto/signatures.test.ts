/** Signature verification (RFC 8446 §4.2.3) on every engine, with keys of every kind made by node:crypto. */

import { constants, createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { runs } from "../../test/properties/runs.ts";
import { fromHex } from "../wire/hex.ts";
import { concat, utf8 } from "../wire/text.ts";
import type { SignatureSchemeName } from "./engine.ts";
import { KEY_KIND, parsePublicKey } from "./public-key.ts";
import { createEd25519Signer } from "./pure/index.ts";
import { ENGINES } from "./testing/engines.ts";

const plain = (buffer: Buffer): Uint8Array => new Uint8Array(buffer);
const spkiOf = (key: KeyObject): Uint8Array => plain(key.export({ format: "der", type: "spki" }));

const generateKeys = () => ({
  secp256r1: generateKeyPairSync("ec", { namedCurve: "P-256" }),
  secp384r1: generateKeyPairSync("ec", { namedCurve: "P-384" }),
  ed25519: generateKeyPairSync("ed25519"),
  rsa: generateKeyPairSync("rsa", { modulusLength: 2048 }),
});
const KEYS = generateKeys();
const OTHER_KEYS = generateKeys();
/** Whose modulus is not a whole number of bytes. */
const ODD_RSA_KEYS = [2049, 2055].map((modulusLength) => generateKeyPairSync("rsa", { modulusLength }));
const RSA_PSS_KEY = generateKeyPairSync("rsa-pss", {
  modulusLength: 2048,
  hashAlgorithm: "sha256",
  mgf1HashAlgorithm: "sha256",
});

const HASH: Record<SignatureSchemeName, string | null> = {
  ecdsa_secp256r1_sha256: "sha256",
  ecdsa_secp384r1_sha384: "sha384",
  ed25519: null,
  rsa_pss_rsae_sha256: "sha256",
  rsa_pss_rsae_sha384: "sha384",
  rsa_pss_rsae_sha512: "sha512",
};
const SCHEMES = Object.keys(HASH) as SignatureSchemeName[];

function signWith(scheme: SignatureSchemeName, key: KeyObject, message: Uint8Array, saltLength?: number): Uint8Array {
  if (KEY_KIND[scheme] !== "rsa") return plain(sign(HASH[scheme], message, key));
  const padding = constants.RSA_PKCS1_PSS_PADDING;
  return plain(
    sign(HASH[scheme], message, { key, padding, saltLength: saltLength ?? constants.RSA_PSS_SALTLEN_DIGEST }),
  );
}

const message = utf8("the transcript so far");

describe.each(ENGINES)("$name", (engine) => {
  describe.each(SCHEMES)("%s", (scheme) => {
    const { publicKey, privateKey } = KEYS[KEY_KIND[scheme]];
    const spki = spkiOf(publicKey);
    const signature = signWith(scheme, privateKey, message);

    it("accepts a good signature, again and again", () => {
      expect(engine.verify(scheme, spki, message, signature)).toBe(true);
      expect(engine.verify(scheme, spki, message, signature)).toBe(true);
      expect(engine.verify(scheme, spki, new Uint8Array(0), signWith(scheme, privateKey, new Uint8Array(0)))).toBe(
        true,
      );
    });

    it("refuses another message, another signature, another key", () => {
      expect(engine.verify(scheme, spki, utf8("another"), signature)).toBe(false);
      const changed = signature.slice();
      changed[signature.length - 2]! ^= 1;
      expect(engine.verify(scheme, spki, message, changed)).toBe(false);
      const other = OTHER_KEYS[KEY_KIND[scheme]].publicKey;
      expect(engine.verify(scheme, spkiOf(other), message, signature)).toBe(false);
    });

    it("refuses a key of another kind", () => {
      for (const [kind, pair] of Object.entries(KEYS)) {
        if (kind !== KEY_KIND[scheme])
          expect(engine.verify(scheme, spkiOf(pair.publicKey), message, signature)).toBe(false);
      }
    });

    it("refuses a signature cut short, lengthened or empty", () => {
      for (const bytes of [new Uint8Array(0), signature.subarray(1), concat(signature, new Uint8Array(1))]) {
        expect(engine.verify(scheme, spki, message, bytes)).toBe(false);
      }
    });

    it("refuses malformed DER", () => {
      for (let length = 0; length < spki.length; length += 7) {
        expect(engine.verify(scheme, spki.subarray(0, length), message, signature)).toBe(false);
      }
      expect(engine.verify(scheme, concat(spki, new Uint8Array(1)), message, signature)).toBe(false);
    });
  });

  it("refuses a curve's scheme with another curve's key, though the signature be sound", () => {
    const spki = spkiOf(KEYS.secp384r1.publicKey);
    const signature = plain(sign("sha256", message, KEYS.secp384r1.privateKey));
    expect(engine.verify("ecdsa_secp256r1_sha256", spki, message, signature)).toBe(false);
    expect(engine.verify("ecdsa_secp384r1_sha384", spki, message, signature)).toBe(false);
  });

  it("refuses ECDSA signatures that are not DER", () => {
    const spki = spkiOf(KEYS.secp256r1.publicKey);
    const scheme = "ecdsa_secp256r1_sha256";
    // r and s of 32 bytes each, so that the lengths are known.
    let signature: Uint8Array;
    do signature = signWith(scheme, KEYS.secp256r1.privateKey, message);
    while (signature.length !== 70);
    expect(engine.verify(scheme, spki, message, signature)).toBe(true);
    const r = signature.subarray(4, 36);
    const tail = signature.subarray(36);
    const [padded, longLength] = [
      concat(Uint8Array.of(0x30, 69, 0x02, 33, 0), r, tail),
      concat(Uint8Array.of(0x30, 0x81, 68), signature.subarray(2)),
    ];
    expect(engine.verify(scheme, spki, message, padded)).toBe(false);
    expect(engine.verify(scheme, spki, message, longLength)).toBe(false);
  });

  it("refuses RSASSA-PKCS1-v1_5 and salts of another length (RFC 8446 §4.2.3)", () => {
    const { publicKey, privateKey } = KEYS.rsa;
    const spki = spkiOf(publicKey);
    expect(engine.verify("rsa_pss_rsae_sha256", spki, message, plain(sign("sha256", message, privateKey)))).toBe(false);
    for (const saltLength of [0, 20, 64]) {
      const signature = signWith("rsa_pss_rsae_sha256", privateKey, message, saltLength);
      expect(engine.verify("rsa_pss_rsae_sha256", spki, message, signature)).toBe(false);
    }
  });

  it("refuses keys under the RSASSA-PSS OID, which the rsae schemes do not mean", () => {
    const { publicKey, privateKey } = RSA_PSS_KEY;
    const signature = plain(sign("sha256", message, privateKey));
    expect(engine.verify("rsa_pss_rsae_sha256", spkiOf(publicKey), message, signature)).toBe(false);
  });

  it("verifies RSA keys whose modulus is not a whole number of bytes", () => {
    for (const { publicKey, privateKey } of ODD_RSA_KEYS) {
      const signature = signWith("rsa_pss_rsae_sha256", privateKey, message);
      expect(engine.verify("rsa_pss_rsae_sha256", spkiOf(publicKey), message, signature)).toBe(true);
    }
  });

  it("verifies with a compressed point as with the whole one", () => {
    const spki = spkiOf(KEYS.secp256r1.publicKey);
    const point = spki.subarray(-65);
    const compressed = concat(
      fromHex("3039301306072a8648ce3d020106082a8648ce3d030107032200"),
      Uint8Array.of(2 + (point[64]! & 1)),
      point.subarray(1, 33),
    );
    const signature = signWith("ecdsa_secp256r1_sha256", KEYS.secp256r1.privateKey, message);
    expect(engine.verify("ecdsa_secp256r1_sha256", compressed, message, signature)).toBe(true);
  });

  it("verifies RFC 6979 §A.2.5 and §A.2.6", () => {
    const integer = (hex: string): Uint8Array => {
      const bytes = fromHex(hex);
      const body = bytes[0]! >= 0x80 ? concat(Uint8Array.of(0), bytes) : bytes;
      return concat(Uint8Array.of(0x02, body.length), body);
    };
    const der = (r: string, s: string): Uint8Array => {
      const body = concat(integer(r), integer(s));
      return concat(Uint8Array.of(0x30, body.length), body);
    };
    const p256 = fromHex(
      `3059301306072a8648ce3d020106082a8648ce3d030107034200 04
       60fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6
       7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299`,
    );
    const signature256 = der(
      "efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716",
      "f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8",
    );
    expect(engine.verify("ecdsa_secp256r1_sha256", p256, utf8("sample"), signature256)).toBe(true);
    const p384 = fromHex(
      `3076301006072a8648ce3d020106052b81040022036200 04
       ec3a4e415b4e19a4568618029f427fa5da9a8bc4ae92e02e06aae5286b300c64def8f0ea9055866064a254515480bc13
       8015d9b72d7d57244ea8ef9ac0c621896708a59367f9dfb9f54ca84b3f1c9db1288b231c3ae0d4fe7344fd2533264720`,
    );
    const signature384 = der(
      "94edbb92a5ecb8aad4736e56c691916b3f88140666ce9fa73d64c4ea95ad133c81a648152e44acf96e36dd1e80fabe46",
      "99ef4aeb15f178cea1fe40db2603138f130e740a19624526203b6351d0a3a94fa329c145786e679e7b82c71a38628ac8",
    );
    expect(engine.verify("ecdsa_secp384r1_sha384", p384, utf8("sample"), signature384)).toBe(true);
  });

  it("verifies RFC 8032 §7.1 test 3", () => {
    const spki = concat(
      fromHex("302a300506032b6570032100"),
      fromHex("fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025"),
    );
    const signature = fromHex(
      `6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac
       18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a`,
    );
    expect(engine.verify("ed25519", spki, fromHex("af82"), signature)).toBe(true);
  });
});

describe("the Ed25519 signer", () => {
  const seed = fromHex("c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7");
  const signer = createEd25519Signer(seed);

  it("signs as RFC 8032 §7.1 test 3", () => {
    expect(signer.publicKey).toEqual(fromHex("fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025"));
    expect(signer.sign("ed25519", fromHex("af82"))).toEqual(
      fromHex(
        `6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac
         18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a`,
      ),
    );
  });

  it("is node's key of the same seed", () => {
    const der = concat(fromHex("302e020100300506032b657004220420"), seed);
    const key = createPrivateKey({ key: Buffer.from(der), format: "der", type: "pkcs8" });
    expect(spkiOf(createPublicKey(key)).subarray(12)).toEqual(signer.publicKey);
    expect(signer.sign("ed25519", message)).toEqual(plain(sign(null, message, key)));
  });

  it("signs nothing else", () => {
    expect(() => signer.sign("ecdsa_secp256r1_sha256", message)).toThrow(TypeError);
  });
});

describe("SubjectPublicKeyInfo", () => {
  it("of node's keys is recognised", () => {
    for (const [kind, { publicKey }] of Object.entries(KEYS))
      expect(parsePublicKey(spkiOf(publicKey))?.kind).toBe(kind);
  });

  it("of other kinds, curves and sizes is refused", () => {
    for (const key of [
      generateKeyPairSync("ec", { namedCurve: "secp521r1" }).publicKey,
      generateKeyPairSync("ec", { namedCurve: "secp256k1" }).publicKey,
      generateKeyPairSync("ec", { namedCurve: "P-256", paramEncoding: "explicit" } as { namedCurve: string }).publicKey,
      generateKeyPairSync("x25519").publicKey,
      generateKeyPairSync("ed448").publicKey,
      generateKeyPairSync("rsa", { modulusLength: 512 }).publicKey,
    ]) {
      expect(parsePublicKey(spkiOf(key))).toBeUndefined();
    }
  });

  it("with any byte changed is refused, or at most another key; never a crash", () => {
    const keys = Object.values(KEYS).map(({ publicKey }) => spkiOf(publicKey));
    fc.assert(
      fc.property(fc.constantFrom(...keys), fc.nat({ max: 400 }), fc.integer({ min: 1, max: 255 }), (key, at, by) => {
        const changed = key.slice();
        changed[at % key.length]! ^= by;
        for (const scheme of SCHEMES) {
          const verdicts = ENGINES.map((engine) => engine.verify(scheme, changed, message, new Uint8Array(64)));
          expect(verdicts).toEqual(ENGINES.map(() => false));
        }
      }),
      { numRuns: runs(150) },
    );
  });

  it("of random bytes is refused", () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => parsePublicKey(bytes) === undefined));
  });
});
