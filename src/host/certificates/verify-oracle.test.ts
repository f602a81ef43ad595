/**
 * Compares verdicts with those of Node's TLS: where OpenSSL accepts, so do we; where it refuses, we refuse for the same
 * reason. One intended difference is not among these cases: Node accepts a common name as a server name if there are no
 * others.
 */

import { once } from "node:events";
import type { AddressInfo } from "node:net";
import * as tls from "node:tls";
import { describe, expect, it } from "vitest";
import { KeyUsage, Purpose } from "./builder.ts";
import { daysFromNow, makeCertificate, type TestCertificate } from "./testing/make-certificate.ts";
import { createCertificateVerifier } from "./verify.ts";

const root = makeCertificate({ subject: "Root", ca: true });
const issuer = makeCertificate({ subject: "Issuer", ca: true, issuer: root });
const under = (options: Parameters<typeof makeCertificate>[0]) =>
  makeCertificate({ subject: "Under", ca: true, issuer: root, ...options });
const stranger = makeCertificate({ subject: "Stranger", ca: true });

/** Our codes for each of Node's. Node reports errors without a code of OpenSSL's as "UNSPECIFIED". */
const EQUIVALENT = new Map([
  ["UNSPECIFIED", ["NAME_CONSTRAINT_VIOLATION", "INVALID_CA"]],
  // OpenSSL also uses this code for an authority's wrong purpose.
  ["INVALID_PURPOSE", ["INVALID_PURPOSE", "INVALID_CA"]],
]);

const CASES: readonly (readonly [string, TestCertificate])[] = [
  ["a good chain", makeCertificate({ names: ["a.test"], issuer })],
  ["a wildcard", makeCertificate({ names: ["*.a.test", "a.test"], issuer })],
  ["another name", makeCertificate({ names: ["b.test"], issuer })],
  ["self-signed", makeCertificate({ names: ["a.test"] })],
  ["an unknown root", makeCertificate({ names: ["a.test"], issuer: stranger })],
  ["expired", makeCertificate({ names: ["a.test"], issuer, notAfter: daysFromNow(-0.5) })],
  ["not yet valid", makeCertificate({ names: ["a.test"], issuer, notBefore: daysFromNow(1) })],
  ["an expired authority", makeCertificate({ names: ["a.test"], issuer: under({ notAfter: daysFromNow(-0.5) }) })],
  [
    "an issuer that is not an authority",
    makeCertificate({ names: ["a.test"], issuer: makeCertificate({ names: ["c.test"], issuer }) }),
  ],
  [
    "one authority too many",
    makeCertificate({ names: ["a.test"], issuer: under({ issuer: under({ subject: "Zero", ca: 0 }) }) }),
  ],
  ["for clients", makeCertificate({ names: ["a.test"], issuer, purposes: [Purpose.clientAuth] })],
  [
    "under an authority for clients",
    makeCertificate({ names: ["a.test"], issuer: under({ purposes: [Purpose.clientAuth] }) }),
  ],
  [
    "under an authority that may not sign certificates",
    makeCertificate({ names: ["a.test"], issuer: under({ usage: [KeyUsage.digitalSignature] }) }),
  ],
  ["permitted", makeCertificate({ names: ["a.test"], issuer: under({ permitted: ["test"] }) })],
  ["not permitted", makeCertificate({ names: ["a.test"], issuer: under({ permitted: ["b.test"] }) })],
  [
    "one permitted, one not",
    makeCertificate({ names: ["a.test", "evil.example"], issuer: under({ permitted: ["a.test"] }) }),
  ],
  ["excluded", makeCertificate({ names: ["a.test"], issuer: under({ excluded: ["a.test"] }) })],
];

async function verdictOfNode(leaf: TestCertificate): Promise<string | undefined> {
  const server = tls.createServer({ cert: leaf.certChain, key: leaf.key }, (socket) => socket.end());
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  try {
    const { port } = server.address() as AddressInfo;
    const socket = tls.connect({
      host: "127.0.0.1",
      port,
      servername: "a.test",
      ca: root.cert,
      rejectUnauthorized: false,
    });
    await once(socket, "secureConnect");
    const error = socket.authorizationError as unknown as { code?: string } | string | null;
    socket.destroy();
    return typeof error === "string" ? error : error?.code;
  } finally {
    server.close();
  }
}

describe("Node's TLS and we agree on", () => {
  const verifier = createCertificateVerifier({ ca: [root.cert] });

  it.each(CASES)("%s", async (_, leaf) => {
    const theirs = await verdictOfNode(leaf);
    const ours = await verifier.verify(leaf.chain, "a.test", new Date());
    if (theirs === undefined) expect(ours).toEqual({ ok: true });
    else expect(EQUIVALENT.get(theirs) ?? [theirs]).toContain((ours as { code?: string }).code);
  });
});
