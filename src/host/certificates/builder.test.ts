/** Generated certificates, as read by OpenSSL. */

import { X509Certificate } from "node:crypto";
import { describe, expect, it } from "vitest";
import { addressBytes, oid, time } from "./der-writer.ts";
import { type KeyKind, makeCertificate } from "./testing/make-certificate.ts";

const hex = (bytes: Uint8Array | undefined): string => Buffer.from(bytes ?? []).toString("hex");

describe("generated certificates", () => {
  it.each(["p256", "p384", "ed25519", "rsa"] satisfies KeyKind[])("are read and verified by OpenSSL (%s)", (key) => {
    const root = makeCertificate({ subject: "Root", ca: true, key });
    const issuer = makeCertificate({ subject: "Issuer", ca: 0, key, issuer: root });
    const leaf = makeCertificate({ names: ["a.test", "*.b.test", "127.0.0.1", "::1"], key, issuer });
    const [rootX509, issuerX509, leafX509] = [root, issuer, leaf].map(({ cert }) => new X509Certificate(cert));
    expect(leafX509!.verify(issuer.publicKey)).toBe(true);
    expect(issuerX509!.verify(root.publicKey)).toBe(true);
    expect(rootX509!.verify(root.publicKey)).toBe(true);
    expect(leafX509!.checkIssued(issuerX509!)).toBe(true);
    expect(issuerX509!.ca).toBe(true);
    expect(leafX509!.ca).toBe(false);
    expect(leafX509!.checkPrivateKey(leaf.privateKey)).toBe(true);
    expect(leafX509!.subjectAltName).toBe("DNS:a.test, DNS:*.b.test, IP Address:127.0.0.1, IP Address:0:0:0:0:0:0:0:1");
    expect(leafX509!.keyUsage).toEqual(["1.3.6.1.5.5.7.3.1"]);
    expect(leaf.chain.map(hex)).toEqual([leaf, issuer].map(({ der }) => hex(der)));
  });

  it("have the given dates, before and after 2050", () => {
    const certificate = makeCertificate({
      notBefore: new Date("2001-02-03T04:05:06Z"),
      notAfter: new Date("2051-12-31T23:59:59Z"),
    });
    const { validFrom, validTo } = new X509Certificate(certificate.cert);
    expect(new Date(validFrom).toISOString()).toBe("2001-02-03T04:05:06.000Z");
    expect(new Date(validTo).toISOString()).toBe("2051-12-31T23:59:59.000Z");
  });
});

describe("DER", () => {
  it("encodes object identifiers", () => {
    expect(hex(oid("1.2.840.113549.1.1.11"))).toBe("06092a864886f70d01010b");
    expect(hex(oid("2.5.29.37.0"))).toBe("0604551d2500");
  });

  it("encodes times in both formats (RFC 5280 §4.1.2.5)", () => {
    expect(Buffer.from(time(new Date("2049-12-31T23:59:59Z"))).toString("latin1")).toBe("\x17\r491231235959Z");
    expect(Buffer.from(time(new Date("2050-01-01T00:00:00Z"))).toString("latin1")).toBe("\x18\x0f20500101000000Z");
  });

  it.each([
    ["127.0.0.1", "7f000001"],
    ["::1", "00000000000000000000000000000001"],
    ["::", "00000000000000000000000000000000"],
    ["2001:db8::8:800:200c:417a", "20010db80000000000080800200c417a"],
    ["2001:db8:1:2:3:4:5:6", "20010db8000100020003000400050006"],
    ["::ffff:192.0.2.1", "00000000000000000000ffffc0000201"],
    ["fe80::", "fe800000000000000000000000000000"],
    ["localhost", ""],
  ])("converts the address %s to bytes", (literal, bytes) => {
    expect(hex(addressBytes(literal))).toBe(bytes);
  });
});
