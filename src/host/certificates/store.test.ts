import { describe, expect, it, test } from "vitest";
import { type Identity, loadIdentity } from "./identity.ts";
import { CertificateStore } from "./store.ts";
import { type KeyKind, makeCertificate } from "./testing/make-certificate.ts";

const identityFor = (key: KeyKind, ...names: readonly string[]) => loadIdentity(makeCertificate({ names, key }));

const EVERYTHING = ["ecdsa_secp256r1_sha256", "rsa_pss_rsae_sha256"] as const;
const fallback = identityFor("p256", "default.test");
const exact = identityFor("p256", "a.b.test", "192.0.2.1", "2001:db8::1");
const wildcard = identityFor("p256", "*.b.test");
const store = new CertificateStore([fallback, wildcard, exact]);

describe("the certificate for a server name", () => {
  it.each([
    ["a.b.test", exact],
    ["A.B.TEST", exact],
    ["a.b.test.", exact],
    ["c.b.test", wildcard],
    ["b.test", fallback],
    ["d.c.b.test", fallback],
    ["unknown.test", fallback],
    ["", fallback],
    [undefined, fallback],
    ["192.0.2.1", exact],
    ["2001:db8:0::1", exact],
    ["[2001:db8::1]", exact],
    ["192.0.2.2", fallback],
  ])("%s", (name, expected) => {
    expect(store.select(name, EVERYTHING)).toBe(expected);
  });
});

describe("two certificates for one name", () => {
  const ecdsa = identityFor("p256", "a.test");
  const rsa = identityFor("rsa", "a.test");
  const both = new CertificateStore([ecdsa, rsa]);

  it("are selected by the client's signature schemes", () => {
    expect(both.select("a.test", EVERYTHING)).toBe(ecdsa);
    expect(both.select("a.test", ["rsa_pss_rsae_sha256"])).toBe(rsa);
    expect(both.select("a.test", ["rsa_pss_rsae_sha512"])).toBe(rsa);
    expect(both.select(undefined, ["rsa_pss_rsae_sha256"])).toBe(rsa);
  });

  it("are both refused if the client supports neither", () => {
    expect(both.select("a.test", ["ed25519"])).toBeUndefined();
    expect(both.select("a.test", [])).toBeUndefined();
  });

  it("are not replaced by a certificate for another name", () => {
    const mixed = new CertificateStore([identityFor("rsa", "other.test"), ecdsa]);
    expect(mixed.select("a.test", ["rsa_pss_rsae_sha256"])).toBeUndefined();
  });
});

test("a lookup among 1,000 names does not look at the others", () => {
  let looks = 0;
  const identity = (name: string): Identity => ({
    ...fallback,
    names: [name],
    signer: {
      ...fallback.signer,
      get schemes() {
        looks += 1;
        return fallback.signer.schemes;
      },
    },
  });
  const named = Array.from({ length: 1_000 }, (_, i) => identity(`${i % 2 === 0 ? "" : "*."}n${i}.test`));
  const many = new CertificateStore([fallback, ...named]);
  looks = 0;
  expect(many.select("n998.test", EVERYTHING)).toBe(named[998]);
  expect(many.select("a.n999.test", EVERYTHING)).toBe(named[999]);
  expect(many.select("unknown.test", EVERYTHING)).toBe(fallback);
  expect(many.select(undefined, ["ed25519"])).toBeUndefined();
  expect(looks).toBe(0);
});

test("wildcards match neither a top-level domain nor the bare name, and may end in a dot", () => {
  const strange = [{ ...wildcard, names: ["*.com", "*.", "*.*.test", "*.c.test."] }] as const;
  const only = new CertificateStore([fallback, ...strange]);
  for (const name of ["a.com", "a.b.test", "c.test", ".c.test"]) expect(only.select(name, EVERYTHING)).toBe(fallback);
  expect(only.select("a.c.test", EVERYTHING)).toBe(strange[0]);
});
