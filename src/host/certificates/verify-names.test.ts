/** The names that a certificate is valid for: name constraints (RFC 5280 §4.2.1.10) and server names (RFC 9525 §6). */

import { describe, it } from "vitest";
import { expectAccepted, expectRefused, issuer, judge, root } from "./testing/judge.ts";
import { makeCertificate, type TestCertificate } from "./testing/make-certificate.ts";
import { createCertificateVerifier } from "./verify.ts";

describe("name constraints (RFC 5280 §4.2.1.10)", () => {
  const under = (
    constraints: { permitted?: readonly string[]; excluded?: readonly string[] },
    ...names: readonly string[]
  ) => {
    const limited = makeCertificate({ subject: "Limited", ca: true, issuer: root, ...constraints });
    return makeCertificate({ names, issuer: limited });
  };
  const violates = (leaf: TestCertificate, name: string, mentioned = name) =>
    expectRefused(judge(leaf, name), "NAME_CONSTRAINT_VIOLATION", 42, "Limited", mentioned);

  it("permit a name and its subdomains", async () => {
    await expectAccepted(judge(under({ permitted: ["test"] }, "a.test")));
    await expectAccepted(judge(under({ permitted: ["A.test"] }, "a.TEST", "b.a.test")));
    await expectAccepted(judge(under({ permitted: ["other.example", "a.test"] }, "a.test")));
    await violates(under({ permitted: ["b.test"] }, "a.test"), "a.test");
    await violates(under({ permitted: ["a.test"] }, "aa.test"), "aa.test");
    await violates(under({ permitted: [".a.test"] }, "a.test"), "a.test");
    await expectAccepted(judge(under({ permitted: [".a.test"] }, "b.a.test"), "b.a.test"));
  });

  it("are violated by one bad name among good ones", async () => {
    await violates(under({ permitted: ["good.test"] }, "good.test", "evil.test"), "evil.test");
    await violates(under({ permitted: ["good.test"] }, "good.test", "evil.test"), "good.test", "evil.test");
  });

  it("exclude a name and its subdomains", async () => {
    await violates(under({ excluded: ["a.test"] }, "a.test"), "a.test");
    await violates(under({ excluded: ["a.test"] }, "b.a.test"), "b.a.test");
    await violates(under({ excluded: [""] }, "a.test"), "a.test");
    await expectAccepted(judge(under({ excluded: ["b.test"] }, "a.test")));
    await violates(under({ permitted: ["test"], excluded: ["a.test"] }, "a.test"), "a.test");
  });

  it("apply to wildcards", async () => {
    await violates(under({ excluded: ["a.b.test"] }, "*.b.test"), "c.b.test", "*.b.test");
    await violates(under({ permitted: ["a.b.test"] }, "*.b.test"), "a.b.test", "*.b.test");
    await expectAccepted(judge(under({ permitted: ["b.test"] }, "*.b.test"), "a.b.test"));
    await expectAccepted(judge(under({ excluded: ["a.c.b.test"] }, "*.b.test"), "a.b.test"));
  });

  it("apply to addresses by mask, per family", async () => {
    await expectAccepted(judge(under({ permitted: ["10.0.0.0/8"] }, "10.1.2.3"), "10.1.2.3"));
    await violates(under({ permitted: ["10.0.0.0/8"] }, "11.1.2.3"), "11.1.2.3");
    await violates(under({ excluded: ["10.1.0.0/20"] }, "10.1.15.255"), "10.1.15.255");
    await expectAccepted(judge(under({ excluded: ["10.1.0.0/20"] }, "10.1.16.0"), "10.1.16.0"));
    await expectAccepted(judge(under({ permitted: ["2001:db8::/32"] }, "2001:db8::1"), "2001:db8::1"));
    await violates(under({ permitted: ["2001:db8::/32"] }, "2001:db9::1"), "2001:db9::1");
    await violates(under({ permitted: ["10.0.0.0/8"] }, "::1"), "::1");
  });

  it("of one type do not restrict another", async () => {
    await expectAccepted(judge(under({ permitted: ["10.0.0.0/8"] }, "a.test")));
    await expectAccepted(judge(under({ permitted: ["a.test"] }, "192.0.2.1"), "192.0.2.1"));
  });

  it("are inherited by the authorities below, and all of them apply", async () => {
    const outer = makeCertificate({ subject: "Limited", ca: true, issuer: root, permitted: ["a.test"] });
    const free = makeCertificate({ subject: "Free", ca: true, issuer: outer });
    await violates(makeCertificate({ names: ["b.test"], issuer: free }), "b.test");
    const wider = makeCertificate({ subject: "Wider", ca: true, issuer: outer, permitted: ["b.test"] });
    await expectRefused(
      judge(makeCertificate({ names: ["b.test"], issuer: wider }), "b.test"),
      "NAME_CONSTRAINT_VIOLATION",
      42,
    );
    await expectRefused(judge(makeCertificate({ names: ["a.test"], issuer: wider })), "NAME_CONSTRAINT_VIOLATION", 42);
  });

  it("of a root apply too", async () => {
    const limited = makeCertificate({ subject: "Limited", ca: true, permitted: ["a.test"] });
    const verifier = createCertificateVerifier({ ca: [limited.cert] });
    await expectAccepted(judge(makeCertificate({ names: ["a.test"], issuer: limited }), "a.test", verifier));
    await expectRefused(
      judge(makeCertificate({ names: ["b.test"], issuer: limited }), "b.test", verifier),
      "NAME_CONSTRAINT_VIOLATION",
      42,
    );
  });
});

describe("server names (RFC 9525 §6)", () => {
  const named = (...names: readonly string[]) => makeCertificate({ subject: "cn.test", names, issuer });
  const wrong = (leaf: TestCertificate, name: string) =>
    expectRefused(judge(leaf, name), "ERR_TLS_CERT_ALTNAME_INVALID", 42, name);

  it("are compared without regard to case or a trailing dot", async () => {
    await expectAccepted(judge(named("A.Test"), "a.tEST."));
    await wrong(named("a.test"), "b.test");
    await wrong(named("a.test"), "a.test.evil");
    await wrong(named("a.test"), "b.a.test");
  });

  it("that do not match are reported with the certificate's names", async () => {
    await expectRefused(
      judge(named("x.test", "192.0.2.1", "2001:db8::7"), "a.test"),
      "ERR_TLS_CERT_ALTNAME_INVALID",
      42,
      "x.test, 192.0.2.1, 2001:db8::7",
    );
    const many = named(...Array.from({ length: 30 }, (_, i) => `n${i}.test`));
    await expectRefused(judge(many, "a.test"), "ERR_TLS_CERT_ALTNAME_INVALID", 42, "and 20 more");
  });

  it("match a wildcard for one whole left-most label", async () => {
    await expectAccepted(judge(named("*.b.test"), "a.b.test"));
    await wrong(named("*.b.test"), "b.test");
    await wrong(named("*.b.test"), "c.a.b.test");
    await wrong(named("*.b.test"), ".b.test");
    await wrong(named("*.test"), "a.test");
    await wrong(named("*"), "a");
    await wrong(named("a*.b.test"), "ab.b.test");
    await wrong(named("*.*.test"), "a.b.test");
    await wrong(named("a.*.test"), "a.b.test");
  });

  it("that are addresses match only addresses, in any notation", async () => {
    await expectAccepted(judge(named("192.0.2.1"), "192.0.2.1"));
    await expectAccepted(judge(named("2001:db8::1"), "2001:DB8:0:0:0:0:0:1"));
    await expectAccepted(judge(named("2001:db8::1"), "[2001:db8::1]"));
    await wrong(named("192.0.2.1"), "192.0.2.2");
    await wrong(named("a.test"), "192.0.2.1");
    await wrong(named("*.0.2.1"), "192.0.2.1");
  });

  it("are not taken from the common name", async () => {
    await wrong(named(), "cn.test");
    await wrong(named("a.test"), "cn.test");
  });
});
