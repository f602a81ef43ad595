/**
 * The simulated server's certificate: for any name, with the same bytes in every run. Its key is public, so only a
 * simulated client may trust it.
 */

import { createPrivateKey, createPublicKey } from "node:crypto";
import {
  basicConstraints,
  extendedKeyUsage,
  KeyUsage,
  keyUsage,
  Purpose,
  signCertificate,
  subjectAltName,
  toPem,
} from "../host/certificates/builder.ts";
import { commonName } from "../host/certificates/der-writer.ts";
import type { Identity } from "../host/certificates/identity.ts";
import { createSimulatedSigner, SIMULATED_PRIVATE_KEY } from "../sim/identity.ts";
import { fromHex } from "../wire/hex.ts";

/** The PrivateKeyInfo prefix of a 32-byte Ed25519 private key (RFC 8410 §7). */
const PKCS8_PREFIX = fromHex("302e020100300506032b657004220420");

const NOT_BEFORE = new Date("2000-01-01T00:00:00Z");
const NOT_AFTER = new Date("2999-12-31T23:59:59Z");

export function simulatedServerIdentity(...names: readonly string[]): Identity {
  const pkcs8 = Buffer.concat([PKCS8_PREFIX, SIMULATED_PRIVATE_KEY]);
  const privateKey = createPrivateKey({ key: pkcs8, format: "der", type: "pkcs8" });
  const spki = createPublicKey(privateKey).export({ format: "der", type: "spki" });
  const name = commonName("Nagare simulation");
  const certificate = signCertificate(
    {
      serial: Uint8Array.of(1),
      subject: name,
      issuer: name,
      notBefore: NOT_BEFORE,
      notAfter: NOT_AFTER,
      spki: new Uint8Array(spki),
      extensions: [
        basicConstraints(false),
        keyUsage(KeyUsage.digitalSignature),
        extendedKeyUsage(Purpose.serverAuth),
        subjectAltName(...names),
      ],
    },
    privateKey,
  );
  return {
    chain: [certificate],
    // Ed25519 in JavaScript on either engine, with identical signatures.
    signer: createSimulatedSigner(),
    names,
    notBefore: NOT_BEFORE,
    notAfter: NOT_AFTER,
    cert: toPem("CERTIFICATE", certificate),
    key: toPem("PRIVATE KEY", pkcs8),
  };
}
