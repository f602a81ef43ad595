/** Certificates made here: for development, and while a server waits for one from an authority. */

import { generateKeyPairSync, type KeyObject, randomBytes } from "node:crypto";
import {
  authorityKeyIdentifier,
  basicConstraints,
  extendedKeyUsage,
  KeyUsage,
  keyUsage,
  Purpose,
  serialFrom,
  signCertificate,
  subjectAltName,
  subjectKeyIdentifier,
  toPem,
} from "./builder.ts";
import { commonName } from "./der-writer.ts";

/** An authority that signs instead. */
export interface Issuer {
  /** Its subject, in DER. */
  readonly name: Uint8Array;
  /** DER. */
  readonly spki: Uint8Array;
  readonly privateKey: KeyObject;
}

export interface SelfSignedOptions {
  /** The common name. */
  readonly subject: string;
  readonly names: readonly string[];
  readonly now: Date;
  /** Milliseconds. */
  readonly lifetime: number;
  /** Itself by default. */
  readonly issuer?: Issuer | undefined;
}

/** Validity starts an hour early, in case other machines' clocks are slow. */
export const BACKDATING = 3_600_000;

/** PEM: a server's certificate and its P-256 key. */
export function selfSigned({ subject, names, now, lifetime, issuer }: SelfSignedOptions): string {
  const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const spki = publicKey.export({ format: "der", type: "spki" });
  const name = commonName(subject);
  const notBefore = new Date(now.getTime() - BACKDATING);
  const certificate = signCertificate(
    {
      serial: serialFrom(randomBytes(15)),
      subject: name,
      issuer: issuer?.name ?? name,
      notBefore,
      notAfter: new Date(notBefore.getTime() + lifetime),
      spki,
      extensions: [
        basicConstraints(false),
        keyUsage(KeyUsage.digitalSignature),
        extendedKeyUsage(Purpose.serverAuth),
        subjectAltName(...names),
        subjectKeyIdentifier(spki),
        ...(issuer === undefined ? [] : [authorityKeyIdentifier(issuer.spki)]),
      ],
    },
    issuer?.privateKey ?? privateKey,
  );
  return toPem("CERTIFICATE", certificate) + privateKey.export({ format: "pem", type: "pkcs8" }).toString();
}
