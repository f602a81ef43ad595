import { createPrivateKey, createPublicKey, generateKeyPairSync } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { portableEngine } from "../../crypto/portable/index.ts";
import { pureEngine } from "../../crypto/pure/index.ts";
import { type Identity, IdentityError, type IdentityProblem, loadIdentity, loadIdentityFiles } from "./identity.ts";
import { createSigner } from "./signer.ts";
import { daysFromNow, type KeyKind, makeCertificate } from "./testing/make-certificate.ts";

const root = makeCertificate({ subject: "Root", ca: true });
const issuer = makeCertificate({ subject: "Issuer", ca: true, issuer: root });

function expectProblem(action: () => Identity, code: IdentityProblem, ...mentioned: readonly string[]): void {
  let caught: unknown;
  try {
    action();
  } catch (error) {
    caught = error;
  }
  expect(caught).toBeInstanceOf(IdentityError);
  expect((caught as IdentityError).code).toBe(code);
  for (const text of mentioned) expect((caught as IdentityError).message).toContain(text);
}

describe("an identity", () => {
  it("is a chain, a signer, names and dates", () => {
    const [notBefore, notAfter] = [new Date("2001-02-03T04:05:06Z"), new Date("2061-02-03T04:05:06Z")];
    const names = ["A.test", "*.b.test", "127.0.0.1", "2001:db8::1"];
    const leaf = makeCertificate({ names, issuer, notBefore, notAfter });
    const identity = loadIdentity({ cert: leaf.certChain, key: leaf.key });
    expect(identity.chain).toEqual([leaf.der, issuer.der]);
    expect(identity.names).toEqual(["a.test", "*.b.test", "127.0.0.1", "2001:db8::1"]);
    expect(identity.notBefore).toEqual(notBefore);
    expect(identity.notAfter).toEqual(notAfter);
    expect(identity.cert).toBe(leaf.certChain);
    expect(identity.key).toBe(leaf.key);
  });

  it("may be given as bytes, with text around the PEM", () => {
    const leaf = makeCertificate({ names: ["a.test"] });
    const cert = Buffer.from(`subject=a.test\r\n${leaf.cert.replaceAll("\n", "\r\n")}more`);
    expect(loadIdentity({ cert, key: new TextEncoder().encode(leaf.key) }).chain).toEqual([leaf.der]);
  });

  it("may have a key in the older formats", () => {
    const ec = generateKeyPairSync("ec", { namedCurve: "P-256" });
    const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 });
    for (const [pair, type] of [
      [ec, "sec1"],
      [rsa, "pkcs1"],
    ] as const) {
      const leaf = makeCertificate({ names: ["a.test"], key: pair });
      const key = pair.privateKey.export({ format: "pem", type: type as "sec1" }).toString();
      expect(loadIdentity({ cert: leaf.cert, key }).names).toEqual(["a.test"]);
    }
  });
});

describe("an unusable identity is refused", () => {
  const leaf = makeCertificate({ names: ["a.test"] });

  it("when it is not PEM, with a hint if it looks like a file name", () => {
    expectProblem(
      () => loadIdentity({ cert: "./cert.pem", key: leaf.key }),
      "CERTIFICATE_UNREADABLE",
      "read the file ./cert.pem",
    );
    expectProblem(() => loadIdentity({ cert: leaf.key, key: leaf.key }), "CERTIFICATE_UNREADABLE");
    expectProblem(
      () => loadIdentity({ cert: leaf.cert, key: "./key.pem" }),
      "KEY_UNREADABLE",
      "read the file ./key.pem",
    );
    expectProblem(() => loadIdentity({ cert: leaf.cert, key: leaf.cert }), "KEY_UNREADABLE");
    expectProblem(() => loadIdentity({ cert: leaf.cert, key: "" }), "KEY_UNREADABLE");
  });

  it("when a certificate in the chain is damaged", () => {
    const damaged = leaf.cert.replace(/\n.{20}/, "\nAAAAAAAAAAAAAAAAAAAA");
    expectProblem(() => loadIdentity({ cert: damaged, key: leaf.key }), "CERTIFICATE_UNREADABLE", "damaged");
    expectProblem(
      () => loadIdentity({ cert: leaf.cert + damaged, key: leaf.key }),
      "CERTIFICATE_UNREADABLE",
      "damaged",
    );
  });

  it("when the key is encrypted, in either format", () => {
    const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
    for (const type of ["pkcs8", "sec1"] as const) {
      const key = privateKey.export({ format: "pem", type, cipher: "aes-128-cbc", passphrase: "x" }).toString();
      expectProblem(() => loadIdentity({ cert: leaf.cert, key }), "KEY_ENCRYPTED", "openssl pkey");
    }
  });

  it("when the key belongs to another certificate", () => {
    const other = makeCertificate({ names: ["a.test"] });
    expectProblem(() => loadIdentity({ cert: leaf.cert, key: other.key }), "KEY_MISMATCH", "a.test");
    expectProblem(() => loadIdentity({ cert: root.cert + leaf.cert, key: leaf.key }), "KEY_MISMATCH", "first");
  });

  it("when TLS 1.3 does not support the key", () => {
    const key = generateKeyPairSync("ec", { namedCurve: "secp256k1" });
    const odd = makeCertificate({ names: ["a.test"], key });
    expectProblem(() => loadIdentity({ cert: odd.cert, key: odd.key }), "KEY_UNSUPPORTED", "secp256k1");
    // Too short for RSA-PSS with SHA-256 (RFC 8017 §9.1.1).
    const short = makeCertificate({ names: ["a.test"], key: generateKeyPairSync("rsa", { modulusLength: 512 }) });
    expectProblem(() => loadIdentity({ cert: short.cert, key: short.key }), "KEY_UNSUPPORTED", "512 bits", "2048");
  });

  it("when it is expired or not yet valid, unless validity is ignored", () => {
    const past = makeCertificate({
      names: ["a.test"],
      notBefore: new Date("2020-01-01"),
      notAfter: new Date("2020-02-03"),
    });
    expectProblem(() => loadIdentity(past), "CERTIFICATE_EXPIRED", "a.test", "2020-02-03", "renew");
    expect(loadIdentity(past, { now: new Date("2020-01-15") }).names).toEqual(["a.test"]);
    expect(loadIdentity(past, { ignoreValidity: true }).notAfter).toEqual(new Date("2020-02-03"));
    const future = makeCertificate({ names: ["a.test"], notBefore: daysFromNow(2) });
    expectProblem(() => loadIdentity(future), "CERTIFICATE_NOT_YET_VALID", "clock");
  });
});

describe("files", () => {
  it("are read, and named if they cannot be read", async () => {
    const directory = await mkdtemp(join(tmpdir(), "nagare-test-"));
    try {
      const leaf = makeCertificate({ names: ["a.test"] });
      const [certFile, keyFile] = [join(directory, "cert.pem"), join(directory, "key.pem")];
      await writeFile(certFile, leaf.cert);
      await expect(loadIdentityFiles({ certFile, keyFile })).rejects.toMatchObject({
        code: "KEY_UNREADABLE",
        message: expect.stringContaining(keyFile),
      });
      await writeFile(keyFile, leaf.key);
      expect((await loadIdentityFiles({ certFile, keyFile })).names).toEqual(["a.test"]);
      await rm(certFile);
      await expect(loadIdentityFiles({ certFile, keyFile })).rejects.toMatchObject({ code: "CERTIFICATE_UNREADABLE" });
      await rm(keyFile);
      // Two reads at once would name the one that fails first.
      for (const missing of [keyFile, certFile]) {
        await expect(loadIdentityFiles({ certFile, keyFile: missing })).rejects.toMatchObject({
          code: "CERTIFICATE_UNREADABLE",
          message: expect.stringContaining(`the certificate ${certFile}`),
        });
      }
    } finally {
      await rm(directory, { recursive: true });
    }
  });
});

describe("a signer", () => {
  it.each(["p256", "p384", "ed25519", "rsa"] satisfies KeyKind[])(
    "creates signatures that every engine verifies (%s)",
    (kind) => {
      const { key, spki } = makeCertificate({ key: kind });
      const signer = createSigner(createPrivateKey(key));
      const message = new TextEncoder().encode("the transcript");
      expect(signer.schemes.length).toBe(kind === "rsa" ? 3 : 1);
      for (const scheme of signer.schemes) {
        const signature = signer.sign(scheme, message);
        expect(portableEngine.verify(scheme, spki, message, signature)).toBe(true);
        expect(pureEngine.verify(scheme, spki, message, signature)).toBe(true);
      }
    },
  );

  it("refuses schemes that its key does not support", () => {
    const signer = createSigner(createPrivateKey(makeCertificate({ key: "p256" }).key));
    expect(() => signer.sign("ed25519", new Uint8Array(1))).toThrow(TypeError);
    expect(() => signer.sign("ecdsa_secp384r1_sha384", new Uint8Array(1))).toThrow(TypeError);
  });

  it.each([
    [1024, ["rsa_pss_rsae_sha256", "rsa_pss_rsae_sha384"]],
    [512, []],
  ])("has no schemes for which its key is too short (RSA, %d bits)", (modulusLength, schemes) => {
    const { privateKey } = generateKeyPairSync("rsa", { modulusLength });
    const signer = createSigner(privateKey);
    expect(signer.schemes).toEqual(schemes);
    for (const scheme of signer.schemes) signer.sign(scheme, new Uint8Array(1));
  });

  it("has no schemes for an unsupported key", () => {
    const { privateKey } = generateKeyPairSync("ec", { namedCurve: "secp521r1" });
    expect(createSigner(privateKey).schemes).toEqual([]);
    expect(createPublicKey(privateKey).type).toBe("public");
  });
});
