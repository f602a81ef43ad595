/**
 * The same chains judged by Node's TLS: where OpenSSL says yes, so do we, and where it says no, we say the same no. One
 * difference is meant and not among these: Node takes a common name for a server name where there are no others.
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

/** What OpenSSL has no name for is "UNSPECIFIED" in Node. */
const SAME_NO = new Map([
  ["UNSPECIFIED", ["NAME_CONSTRAINT_VIOLATION", "INVALID_CA"]],
  // OpenSSL calls an authority's wrong purpose so as well.
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
  ["no authority", makeCertificate({ names: ["a.test"], issuer: makeCertificate({ names: ["c.test"], issuer }) })],
  [
    "an authority too many",
    makeCertificate({ names: ["a.test"], issuer: under({ issuer: under({ subject: "Zero", ca: 0 }) }) }),
  ],
  ["for clients", makeCertificate({ names: ["a.test"], issuer, purposes: [Purpose.clientAuth] })],
  [
    "under an authority for clients",
    makeCertificate({ names: ["a.test"], issuer: under({ purposes: [Purpose.clientAuth] }) }),
  ],
  [
    "under an authority that signs no certificates",
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

async function opinionOfNode(leaf: TestCertificate): Promise<string | undefined> {
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
    const theirs = await opinionOfNode(leaf);
    const ours = await verifier.verify(leaf.chain, "a.test", new Date());
    if (theirs === undefined) expect(ours).toEqual({ ok: true });
    else expect(SAME_NO.get(theirs) ?? [theirs]).toContain((ours as { code?: string }).code);
  });
});
