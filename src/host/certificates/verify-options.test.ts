/** The precedence of problems, the verifier's options, and damaged certificates. */

import { X509Certificate } from "node:crypto";
import * as tls from "node:tls";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { runs } from "../../../test/properties/runs.ts";
import { Purpose } from "./builder.ts";
import { parseX509 } from "./certificate.ts";
import { expectAccepted, expectRefused, issuer, judge, now, root } from "./testing/judge.ts";
import { daysFromNow, makeCertificate } from "./testing/make-certificate.ts";
import { TrustError } from "./trust.ts";
import { createCertificateVerifier } from "./verify.ts";

describe("the order of problems", () => {
  it("puts trust before time, and time before names", async () => {
    const notAfter = daysFromNow(-0.5);
    await expectRefused(judge(makeCertificate({ names: ["b.test"], notAfter })), "DEPTH_ZERO_SELF_SIGNED_CERT", 48);
    await expectRefused(judge(makeCertificate({ names: ["b.test"], notAfter, issuer })), "CERT_HAS_EXPIRED", 45);
  });
});

describe("options", () => {
  it("rejectUnauthorized: false accepts, and says what it ignored", async () => {
    const lax = createCertificateVerifier({ ca: [root.cert], rejectUnauthorized: false });
    const leaf = makeCertificate({ names: ["a.test"] });
    expect(await judge(leaf, "a.test", lax)).toMatchObject({
      ok: true,
      ignored: { code: "DEPTH_ZERO_SELF_SIGNED_CERT" },
    });
    await expectAccepted(judge(makeCertificate({ names: ["a.test"], issuer }), "a.test", lax));
  });

  describe("subject: client", () => {
    const clients = createCertificateVerifier({ ca: [root.cert], subject: "client" });
    const verify = ({ chain }: { readonly chain: readonly Uint8Array[] }) => clients.verify(chain, undefined, now);
    const purposes = [Purpose.clientAuth];

    it("accepts certificates for any name, with the purpose of clients, of any, or of none in particular", async () => {
      const allowed = [purposes, [Purpose.serverAuth, Purpose.clientAuth], [Purpose.any], false] as const;
      for (const each of allowed) await expectAccepted(verify(makeCertificate({ issuer, purposes: each })));
    });

    it("refuses those of servers, those of other authorities and those that have expired", async () => {
      const server = makeCertificate({ subject: "ada", issuer, purposes: [Purpose.serverAuth] });
      await expectRefused(verify(server), "INVALID_PURPOSE", 43, "ada", "clients");
      await expectRefused(verify(makeCertificate({ purposes })), "DEPTH_ZERO_SELF_SIGNED_CERT", 48);
      const notAfter = daysFromNow(-0.5);
      await expectRefused(verify(makeCertificate({ issuer, purposes, notAfter })), "CERT_HAS_EXPIRED", 45);
    });

    it("refuses what an authority issued that may only certify servers", async () => {
      const limited = makeCertificate({ ca: true, subject: "Limited", issuer: root, purposes: [Purpose.serverAuth] });
      await expectRefused(verify(makeCertificate({ issuer: limited, purposes })), "INVALID_PURPOSE", 43, "Limited");
    });

    it("refuses no certificate, and one that is not DER", async () => {
      await expectRefused(verify({ chain: [] }), "CERT_MALFORMED", 42, "the client");
      await expectRefused(verify({ chain: [Uint8Array.of(1)] }), "CERT_MALFORMED", 42, "the client");
    });
  });

  it("the certificate of a server is never verified without a name", async () => {
    const { chain } = makeCertificate({ names: ["a.test"], issuer });
    await expect(createCertificateVerifier({ ca: [root.cert] }).verify(chain, undefined, now)).rejects.toThrow(
      TypeError,
    );
  });

  it("ca takes several certificates in one text, in bytes and in DER", async () => {
    const leaf = makeCertificate({ names: ["a.test"], issuer });
    const other = makeCertificate({ ca: true });
    for (const ca of [[other.cert + root.cert], [Buffer.from(root.cert)], [other.der, root.der]]) {
      await expectAccepted(judge(leaf, "a.test", createCertificateVerifier({ ca })));
    }
  });

  it("ca replaces the default authorities: with an empty list, nothing is trusted", async () => {
    const trustNothing = createCertificateVerifier({ ca: [] });
    await expectRefused(
      judge([new X509Certificate(tls.rootCertificates[0]!).raw], "a.test", trustNothing),
      "DEPTH_ZERO_SELF_SIGNED_CERT",
      48,
    );
  });

  it("an invalid ca is refused immediately", () => {
    expect(() => createCertificateVerifier({ ca: ["./ca.pem"] })).toThrow(TrustError);
    expect(() => createCertificateVerifier({ ca: [new Uint8Array(9)] })).toThrow(TrustError);
    expect(() => createCertificateVerifier({ ca: [new Uint8Array(0)] })).toThrow(TrustError);
  });

  it("without ca, only Node's own roots are trusted", async () => {
    const defaults = createCertificateVerifier();
    await expectRefused(
      judge(makeCertificate({ names: ["a.test"], issuer }), "a.test", defaults),
      "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
      48,
    );
    const bundled = new X509Certificate(
      tls.rootCertificates.find((pem) => new Date(new X509Certificate(pem).validTo) > now)!,
    ).raw;
    const verdict = await judge([bundled], "a.test", defaults);
    // A trusted root is a complete path, but it is not a server certificate.
    expect(verdict).toMatchObject({ ok: false });
    expect((verdict as { code: string }).code).toMatch(/ERR_TLS_CERT_ALTNAME_INVALID|INVALID_PURPOSE/);
  });
});

describe("parsing", () => {
  it("reads every root bundled with Node like OpenSSL", () => {
    for (const pem of tls.rootCertificates) {
      const theirs = new X509Certificate(pem);
      const ours = parseX509(theirs.raw);
      expect(ours.notAfter).toEqual(new Date(theirs.validTo));
      expect(ours.notBefore).toEqual(new Date(theirs.validFrom));
      expect(Buffer.from(ours.spki)).toEqual(theirs.publicKey.export({ format: "der", type: "spki" }));
      if (ours.version === 3) expect(ours.basicConstraints?.ca).toBe(theirs.ca);
      expect(ours.unknownCritical).toEqual([]);
    }
  });

  it("refuses a certificate with any byte changed, without crashing", async () => {
    const leaf = makeCertificate({ names: ["a.test", "127.0.0.1"], issuer, permitted: ["a.test", "10.0.0.0/8"] });
    await fc.assert(
      fc.asyncProperty(fc.nat({ max: leaf.der.length - 1 }), fc.integer({ min: 1, max: 255 }), async (at, by) => {
        const changed = leaf.der.slice();
        changed[at]! ^= by;
        const [first, ...rest] = leaf.chain;
        expect(first).toEqual(leaf.der);
        expect(await judge([changed, ...rest])).toMatchObject({ ok: false });
      }),
      { numRuns: runs(400) },
    );
  });
});
