/** TLS-ALPN-01 (RFC 8737): the self-signed certificate that proves control of a name. */

import { createHash, generateKeyPairSync, randomBytes } from "node:crypto";
import { ipVersion } from "../../wire/ip-address.ts";
import {
  basicConstraints,
  extension,
  KeyUsage,
  keyUsage,
  serialFrom,
  signCertificate,
  subjectAltName,
  toPem,
} from "../certificates/builder.ts";
import { addressBytes, commonName, octetString } from "../certificates/der-writer.ts";
import { pemOfKey } from "./jose.ts";

/** RFC 8737 §3: id-pe-acmeIdentifier */
const ACME_IDENTIFIER = "1.3.6.1.5.5.7.1.31";
const DAY = 86_400_000;

/** PEM: the certificate with its key, valid for a week. */
export function challengeCertificate(name: string, keyAuthorization: string, now: Date): { cert: string; key: string } {
  const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const digest = createHash("sha256").update(keyAuthorization).digest();
  const subject = commonName("Nagare ACME challenge");
  const certificate = signCertificate(
    {
      serial: serialFrom(randomBytes(15)),
      subject,
      issuer: subject,
      notBefore: new Date(now.getTime() - DAY),
      notAfter: new Date(now.getTime() + 7 * DAY),
      spki: publicKey.export({ type: "spki", format: "der" }),
      extensions: [
        basicConstraints(false),
        keyUsage(KeyUsage.digitalSignature),
        // RFC 8737 §3: exactly this one name, and the critical acmeIdentifier with the digest of the key authorization.
        subjectAltName(name),
        extension(ACME_IDENTIFIER, true, octetString(digest)),
      ],
    },
    privateKey,
  );
  return { cert: toPem("CERTIFICATE", certificate), key: pemOfKey(privateKey) };
}

/** The server name by which the authority asks for an identifier: itself, or the reverse name of an address (RFC 8738 §6). */
export function challengeServerName(name: string): string {
  const version = ipVersion(name);
  if (version === undefined) return name;
  const bytes = [...addressBytes(name)!].reverse();
  if (version === 4) return `${bytes.join(".")}.in-addr.arpa`;
  const nibbles = bytes.flatMap((byte) => [byte & 15, byte >> 4]).map((nibble) => nibble.toString(16));
  return `${nibbles.join(".")}.ip6.arpa`;
}
