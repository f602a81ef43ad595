import { X509Certificate } from "node:crypto";
import { createSecureContext } from "node:tls";
import { describe, expect, test } from "vitest";
import { IdentityError, loadIdentity } from "./identity.ts";
import { identityOfPfx } from "./pkcs12.ts";
import { AES_PFX, ALONE_PFX, PLAIN_PFX, RC2_PFX, TRIPLE_DES_PFX } from "./testing/pfx.ts";

const problemOf = (run: () => unknown): string | undefined => {
  try {
    run();
    return undefined;
  } catch (error) {
    expect(error).toBeInstanceOf(IdentityError);
    return (error as IdentityError).code;
  }
};

/** OpenSSL's own answer. */
const leafOf = ({ pfx, passphrase }: { pfx: Uint8Array; passphrase: string }): Buffer => {
  const { context } = createSecureContext({ pfx: Buffer.from(pfx), passphrase });
  return (context as unknown as { getCertificate(): Buffer }).getCertificate();
};

describe("a pfx gives key, certificate and issuers, without the root", () => {
  test.each([
    ["encrypted with AES, and a passphrase outside ASCII", AES_PFX, ["localhost", "Pfx Issuer"]],
    ["encrypted with Triple DES", TRIPLE_DES_PFX, ["localhost", "Pfx Issuer"]],
    ["not encrypted", PLAIN_PFX, ["localhost", "Pfx Issuer"]],
    ["of one certificate", ALONE_PFX, ["localhost"]],
  ])("%s", (_name, file, subjects) => {
    const { chain, names } = loadIdentity(identityOfPfx(file.pfx, file.passphrase));
    expect(chain.map((der) => new X509Certificate(der).subject)).toEqual(subjects.map((name) => `CN=${name}`));
    expect(Buffer.from(chain[0]!)).toEqual(leafOf(file));
    expect(names).toEqual(["localhost"]);
  });
});

test("a wrong passphrase, unsupported encryption and damaged files are IdentityErrors", () => {
  expect(problemOf(() => identityOfPfx(AES_PFX.pfx, "wrong"))).toBe("KEY_ENCRYPTED");
  expect(problemOf(() => identityOfPfx(AES_PFX.pfx))).toBe("KEY_ENCRYPTED");
  expect(problemOf(() => identityOfPfx(RC2_PFX.pfx, RC2_PFX.passphrase))).toBe("CERTIFICATE_UNREADABLE");
  expect(problemOf(() => identityOfPfx(new Uint8Array(0)))).toBe("CERTIFICATE_UNREADABLE");
  const { pfx, passphrase } = TRIPLE_DES_PFX;
  for (let at = 0; at < pfx.length; at += 41) {
    const damaged = pfx.slice();
    damaged[at]! ^= 0x55;
    expect([at, problemOf(() => identityOfPfx(damaged, passphrase))]).not.toEqual([at, undefined]);
    expect(problemOf(() => identityOfPfx(pfx.subarray(0, at), passphrase))).toBe("CERTIFICATE_UNREADABLE");
  }
});
