/**
 * The simulated server's certificate: accepted by our verifier, identical in every run, and the same as in
 * `nagare/sim`.
 */

import { X509Certificate } from "node:crypto";
import { expect, test } from "vitest";
import { createCertificateVerifier, loadIdentity } from "../host/certificates/index.ts";
import { simulatedIdentity } from "../sim/index.ts";
import { simulatedServerIdentity } from "./identity.ts";

const identity = simulatedServerIdentity("server.test", "localhost");

test("nagare/sim has the same certificate and key", () => {
  const { chain, signer } = simulatedIdentity();
  expect(chain).toEqual(identity.chain);
  const message = new Uint8Array([1, 2, 3]);
  expect(signer.sign("ed25519", message)).toEqual(identity.signer.sign("ed25519", message));
});

test("the key belongs to the certificate", () => {
  expect(loadIdentity(identity).names).toEqual(["server.test", "localhost"]);
  expect(new X509Certificate(identity.chain[0]!).subjectAltName).toBe("DNS:server.test, DNS:localhost");
});

test("a client that trusts the certificate accepts it for its names at any time", async () => {
  const verifier = createCertificateVerifier({ ca: [identity.cert] });
  for (const year of ["2001", "2026", "2998"]) {
    expect(await verifier.verify(identity.chain, "server.test", new Date(`${year}-06-01`))).toEqual({ ok: true });
  }
  expect((await verifier.verify(identity.chain, "other.test", new Date("2026-06-01"))).ok).toBe(false);
});
