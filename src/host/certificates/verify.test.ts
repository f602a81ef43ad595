/** Chains that a client accepts and refuses (RFC 5280 §6), generated for each test. */

import { describe, it } from "vitest";
import { Tag } from "../../crypto/index.ts";
import { utf8 } from "../../wire/text.ts";
import { extension, KeyUsage, Purpose } from "./builder.ts";
import { der, nullValue, oid, sequence, set } from "./der-writer.ts";
import { expectAccepted, expectRefused, issuer, judge, root } from "./testing/judge.ts";
import {
  daysFromNow,
  generateKeys,
  type KeyKind,
  makeCertificate,
  type TestCertificate,
} from "./testing/make-certificate.ts";
import { createCertificateVerifier } from "./verify.ts";

describe("paths", () => {
  it.each(["p256", "p384", "ed25519", "rsa"] satisfies KeyKind[])(
    "lead through an intermediate to a root (%s)",
    async (key) => {
      const own = makeCertificate({ subject: "Own", ca: true, key });
      const middle = makeCertificate({ subject: "Middle", ca: 0, issuer: own, key });
      const leaf = makeCertificate({ names: ["a.test"], issuer: middle, key });
      await expectAccepted(judge(leaf, "a.test", createCertificateVerifier({ ca: [own.cert] })));
    },
  );

  it("lead directly to a root", async () => {
    await expectAccepted(judge(makeCertificate({ names: ["a.test"], issuer: root })));
  });

  it("may be sent in any order, with unrelated certificates and with the root", async () => {
    const second = makeCertificate({ subject: "Second", ca: true, issuer });
    const leaf = makeCertificate({ names: ["a.test"], issuer: second });
    const stray = makeCertificate({ subject: "Stray", ca: true });
    await expectAccepted(judge([leaf.der, root.der, issuer.der, stray.der, second.der]));
  });

  it("use whichever of two cross-signed certificates is valid", async () => {
    const key = generateKeys("p256");
    const old = makeCertificate({ subject: "Old Root", ca: true });
    const make = (above: TestCertificate, notAfter?: Date) =>
      makeCertificate({ subject: "Crossed", ca: true, key, issuer: above, ...(notAfter && { notAfter }) });
    const good = make(root);
    const untrusted = make(old);
    const expired = make(root, daysFromNow(-0.5));
    const leaf = makeCertificate({ names: ["a.test"], issuer: good });
    await expectAccepted(judge([leaf.der, untrusted.der, good.der]));
    await expectAccepted(judge([leaf.der, good.der, untrusted.der]));
    await expectAccepted(judge([leaf.der, expired.der, good.der]));
    await expectRefused(judge([leaf.der, expired.der]), "CERT_HAS_EXPIRED", 45, "Crossed");
  });

  it("use the right one among issuers with the same name", async () => {
    const twins = Array.from({ length: 3 }, () => makeCertificate({ subject: "Twin", ca: true, issuer: root }));
    const leaf = makeCertificate({ names: ["a.test"], issuer: twins[1]!, keyIdentifiers: false });
    await expectAccepted(judge([leaf.der, ...twins.map(({ der }) => der)]));
  });

  it("match an issuer's name that is encoded differently (RFC 5280 §7.1)", async () => {
    const printable = der(Tag.printableString, utf8("ROOT "));
    const spelling = sequence(set(sequence(oid("2.5.4.3"), printable)));
    const leaf = makeCertificate({ names: ["a.test"], issuer: { ...root, subject: spelling } });
    await expectAccepted(judge([leaf.der]));
    const other = sequence(set(sequence(oid("2.5.4.10"), printable)));
    const lost = makeCertificate({ names: ["a.test"], issuer: { ...root, subject: other } });
    await expectRefused(judge([lost.der]), "UNABLE_TO_VERIFY_LEAF_SIGNATURE", 48);
  });

  it("end at an intermediate that is itself trusted", async () => {
    const leaf = makeCertificate({ names: ["a.test"], issuer });
    await expectAccepted(judge([leaf.der], "a.test", createCertificateVerifier({ ca: [issuer.cert] })));
  });

  it("may consist of one trusted self-signed server certificate", async () => {
    const leaf = makeCertificate({ names: ["a.test"] });
    await expectAccepted(judge(leaf, "a.test", createCertificateVerifier({ ca: [leaf.cert] })));
    await expectAccepted(judge(leaf, "a.test", createCertificateVerifier({ ca: [leaf.der] })));
  });

  it("are refused when the server's certificate is self-signed and unknown", async () => {
    const leaf = makeCertificate({ names: ["a.test"] });
    await expectRefused(judge(leaf), "DEPTH_ZERO_SELF_SIGNED_CERT", 48, "a.test", "self-signed");
    // A trusted certificate with the same name and issuer does not help.
    const other = makeCertificate({ names: ["a.test"] });
    const verifier = createCertificateVerifier({ ca: [other.cert] });
    await expectRefused(judge(leaf, "a.test", verifier), "DEPTH_ZERO_SELF_SIGNED_CERT", 48);
  });

  it("are refused when they end in an unknown root", async () => {
    const unknown = makeCertificate({ subject: "Unknown Root", ca: true });
    const leaf = makeCertificate({ names: ["a.test"], issuer: unknown });
    await expectRefused(judge([leaf.der, unknown.der]), "SELF_SIGNED_CERT_IN_CHAIN", 48, "Unknown Root");
    await expectRefused(judge([leaf.der]), "UNABLE_TO_VERIFY_LEAF_SIGNATURE", 48, "Unknown Root");
  });

  it("are refused when an intermediate is missing", async () => {
    const second = makeCertificate({ subject: "Second", ca: true, issuer });
    const leaf = makeCertificate({ names: ["a.test"], issuer: second });
    await expectRefused(judge([leaf.der, second.der]), "UNABLE_TO_GET_ISSUER_CERT_LOCALLY", 48, "Issuer");
  });

  it("are refused when the named issuer did not sign", async () => {
    const impostor = makeCertificate({ subject: "Root", ca: true });
    const leaf = makeCertificate({ names: ["a.test"], issuer: impostor, keyIdentifiers: false });
    await expectRefused(judge([leaf.der]), "CERT_SIGNATURE_FAILURE", 42, "Root");
  });

  it("are refused when a signed byte was changed", async () => {
    const leaf = makeCertificate({ names: ["a.test"], issuer: root });
    const changed = leaf.der.slice();
    const at = Buffer.from(changed).indexOf("a.test", "latin1");
    changed[at] = "b".charCodeAt(0);
    await expectRefused(judge([changed], "b.test"), "CERT_SIGNATURE_FAILURE", 42);
  });

  it("are refused if longer than ten certificates, and do not loop", async () => {
    let top = issuer;
    for (let i = 0; i < 10; i += 1) top = makeCertificate({ subject: `CA ${i}`, ca: true, issuer: top });
    const leaf = makeCertificate({ names: ["a.test"], issuer: top });
    await expectRefused(judge(leaf), "CERT_CHAIN_TOO_LONG", 42);
    const [a, b] = [generateKeys("p256"), generateKeys("p256")];
    const ca = makeCertificate({ subject: "A", ca: true, key: a });
    const cb = makeCertificate({ subject: "B", ca: true, key: b, issuer: ca });
    const circle = makeCertificate({ subject: "A", ca: true, key: a, issuer: cb });
    const caught = makeCertificate({ names: ["a.test"], issuer: circle });
    await expectRefused(judge([caught.der, circle.der, cb.der]), "UNABLE_TO_GET_ISSUER_CERT_LOCALLY", 48);
  });

  it("are refused when the search exceeds its limit", async () => {
    // Four keys under one name, each of which has certified all others.
    const options = { subject: "Tangle", ca: true, keyIdentifiers: false } as const;
    const keys = Array.from({ length: 4 }, () => makeCertificate(options));
    const tangle = keys.flatMap((key) =>
      keys.filter((above) => above !== key).map((above) => makeCertificate({ ...options, key, issuer: above })),
    );
    const leaf = makeCertificate({ names: ["a.test"], issuer: keys[0]!, keyIdentifiers: false });
    await expectRefused(judge([leaf.der, ...tangle.map(({ der }) => der)]), "CERT_CHAIN_TOO_LONG", 42);
  });

  it("are refused when empty, too long or malformed", async () => {
    const leaf = makeCertificate({ names: ["a.test"], issuer: root });
    await expectRefused(judge([]), "CERT_MALFORMED", 42);
    await expectRefused(judge(new Array(17).fill(leaf.der)), "CERT_CHAIN_TOO_LONG", 42);
    await expectRefused(judge([leaf.der.subarray(1)]), "CERT_MALFORMED", 42);
    await expectRefused(judge([leaf.der, new Uint8Array(3)]), "CERT_MALFORMED", 42);
  });
});

describe("times", () => {
  it("in the past or future are refused, and reported", async () => {
    const past = makeCertificate({
      names: ["a.test"],
      issuer,
      notAfter: new Date("2020-02-03T00:00:00Z"),
      notBefore: new Date("2020-01-01"),
    });
    await expectRefused(judge(past), "CERT_HAS_EXPIRED", 45, "a.test", "2020-02-03");
    const future = makeCertificate({ names: ["a.test"], issuer, notBefore: daysFromNow(1) });
    await expectRefused(judge(future), "CERT_NOT_YET_VALID", 42, "a.test", daysFromNow(1).toISOString().slice(0, 10));
  });

  it("of intermediates and roots count as well", async () => {
    const late = makeCertificate({ subject: "Late", ca: true, issuer: root, notAfter: daysFromNow(-0.5) });
    await expectRefused(judge(makeCertificate({ names: ["a.test"], issuer: late })), "CERT_HAS_EXPIRED", 45, "Late");
    const lateRoot = makeCertificate({ subject: "Late Root", ca: true, notAfter: daysFromNow(-0.5) });
    const verifier = createCertificateVerifier({ ca: [lateRoot.cert] });
    const leaf = makeCertificate({ names: ["a.test"], issuer: lateRoot });
    await expectRefused(judge(leaf, "a.test", verifier), "CERT_HAS_EXPIRED", 45, "Late Root");
  });
});

describe("authorities", () => {
  it("must be marked as authorities (RFC 5280 §4.2.1.9)", async () => {
    const notCa = makeCertificate({ names: ["b.test"], issuer });
    await expectRefused(
      judge([...makeCertificate({ names: ["a.test"], issuer: notCa }).chain]),
      "INVALID_CA",
      48,
      "b.test",
    );
    const silent = makeCertificate({ subject: "Silent", ca: true, issuer, basicConstraints: false });
    await expectRefused(judge(makeCertificate({ names: ["a.test"], issuer: silent })), "INVALID_CA", 48);
    const old = makeCertificate({ subject: "Old", ca: true, issuer, version: 1 });
    await expectRefused(judge(makeCertificate({ names: ["a.test"], issuer: old })), "INVALID_CA", 48);
  });

  it("may be of version 1 if they are trusted roots", async () => {
    const old = makeCertificate({ subject: "Old Root", ca: true, version: 1 });
    const leaf = makeCertificate({ names: ["a.test"], issuer: old });
    await expectAccepted(judge(leaf, "a.test", createCertificateVerifier({ ca: [old.cert] })));
  });

  it("must have a key for signing certificates (RFC 5280 §4.2.1.3)", async () => {
    const wrong = makeCertificate({ subject: "Wrong", ca: true, issuer, usage: [KeyUsage.digitalSignature] });
    await expectRefused(judge(makeCertificate({ names: ["a.test"], issuer: wrong })), "INVALID_CA", 48, "Wrong");
    const open = makeCertificate({ subject: "Open", ca: true, issuer, usage: false });
    await expectAccepted(judge(makeCertificate({ names: ["a.test"], issuer: open })));
  });

  it("may not exceed their path length", async () => {
    const none = makeCertificate({ subject: "None Below", ca: 0, issuer: root });
    await expectAccepted(judge(makeCertificate({ names: ["a.test"], issuer: none })));
    const below = makeCertificate({ subject: "Below", ca: true, issuer: none });
    await expectRefused(
      judge(makeCertificate({ names: ["a.test"], issuer: below })),
      "PATH_LENGTH_EXCEEDED",
      48,
      "None Below",
    );
    const one = makeCertificate({ subject: "One Below", ca: 1, issuer: root });
    const inner = makeCertificate({ subject: "Inner", ca: true, issuer: one });
    await expectAccepted(judge(makeCertificate({ names: ["a.test"], issuer: inner })));
  });

  it("do not count towards the path length when self-issued (RFC 5280 §4.2.1.9)", async () => {
    const limited = makeCertificate({ subject: "Limited", ca: 0, issuer: root });
    const renewed = makeCertificate({ subject: "Limited", ca: 0, issuer: limited });
    await expectAccepted(judge(makeCertificate({ names: ["a.test"], issuer: renewed })));
  });
});

describe("purposes", () => {
  it("of the server's certificate must include serverAuth, if it names any", async () => {
    const make = (purposes: readonly string[] | false) => makeCertificate({ names: ["a.test"], issuer, purposes });
    await expectRefused(judge(make([Purpose.clientAuth])), "INVALID_PURPOSE", 43, "a.test");
    await expectAccepted(judge(make([Purpose.clientAuth, Purpose.serverAuth])));
    await expectAccepted(judge(make([Purpose.any])));
    await expectAccepted(judge(make(false)));
  });

  it("of an authority restrict the certificates below", async () => {
    const clients = makeCertificate({ subject: "For Clients", ca: true, issuer: root, purposes: [Purpose.clientAuth] });
    await expectRefused(
      judge(makeCertificate({ names: ["a.test"], issuer: clients })),
      "INVALID_PURPOSE",
      43,
      "For Clients",
    );
    const both = makeCertificate({
      subject: "Both",
      ca: true,
      issuer: root,
      purposes: [Purpose.clientAuth, Purpose.serverAuth],
    });
    await expectAccepted(judge(makeCertificate({ names: ["a.test"], issuer: both })));
  });

  it("of the key must include signing (RFC 8446 §4.4.2.2)", async () => {
    const make = (usage: readonly number[] | false) => makeCertificate({ names: ["a.test"], issuer, usage });
    await expectRefused(judge(make([KeyUsage.keyEncipherment])), "INVALID_PURPOSE", 43);
    await expectAccepted(judge(make([KeyUsage.digitalSignature, KeyUsage.keyEncipherment])));
    await expectAccepted(judge(make(false)));
  });
});

describe("extensions", () => {
  it("that are critical and unknown are refused anywhere on the path", async () => {
    const unknown = [extension("1.2.3.4", true, nullValue())];
    await expectRefused(
      judge(makeCertificate({ names: ["a.test"], issuer, extensions: unknown })),
      "UNHANDLED_CRITICAL_EXTENSION",
      43,
      "1.2.3.4",
    );
    const strange = makeCertificate({ subject: "Strange", ca: true, issuer: root, extensions: unknown });
    await expectRefused(
      judge(makeCertificate({ names: ["a.test"], issuer: strange })),
      "UNHANDLED_CRITICAL_EXTENSION",
      43,
    );
  });

  it("that are unknown but not critical are ignored", async () => {
    const extensions = [extension("1.2.3.4", false, nullValue())];
    await expectAccepted(judge(makeCertificate({ names: ["a.test"], issuer, extensions })));
  });

  it("that occur twice make a certificate malformed (RFC 5280 §4.2)", async () => {
    const extensions = [extension("1.2.3.4", false, nullValue()), extension("1.2.3.4", false, nullValue())];
    await expectRefused(judge(makeCertificate({ names: ["a.test"], issuer, extensions })), "CERT_MALFORMED", 42);
  });
});

describe("weak cryptography", () => {
  it("is refused: SHA-1 on the server's certificate or an intermediate", async () => {
    const weak = makeCertificate({ names: ["a.test"], issuer, hash: "sha1" });
    await expectRefused(judge(weak), "CERT_MD_TOO_WEAK", 42, "a.test");
    const weakIssuer = makeCertificate({ subject: "Weak", ca: true, issuer: root, hash: "sha1" });
    await expectRefused(
      judge(makeCertificate({ names: ["a.test"], issuer: weakIssuer })),
      "CERT_MD_TOO_WEAK",
      42,
      "Weak",
    );
  });

  it("is ignored in a root's signature on itself", async () => {
    const old = makeCertificate({ subject: "Old", ca: true, hash: "sha1" });
    const leaf = makeCertificate({ names: ["a.test"], issuer: old });
    await expectAccepted(judge(leaf, "a.test", createCertificateVerifier({ ca: [old.cert] })));
  });

  it("is refused: RSA keys of 1024 bits", async () => {
    await expectRefused(
      judge(makeCertificate({ names: ["a.test"], issuer, key: "rsa1024" })),
      "CERT_KEY_TOO_SMALL",
      42,
      "1024",
    );
    const short = makeCertificate({ subject: "Short", ca: true, issuer: root, key: "rsa1024" });
    await expectRefused(
      judge(makeCertificate({ names: ["a.test"], issuer: short })),
      "CERT_KEY_TOO_SMALL",
      42,
      "Short",
    );
  });
});
