/**
 * Extracts the public key of a certificate, which TLS needs to verify a CertificateVerify. Validating the certificate
 * is up to the host ("verify-certificate"). Parses DER (X.690) only as deep as RFC 5280 §4.1 requires.
 */

import { WireError } from "../base/errors.ts";
import { Reader } from "../wire/reader.ts";
import { alertError } from "./alerts.ts";

const SEQUENCE = 0x30;
const INTEGER = 0x02;
/** `[0] EXPLICIT Version` */
const VERSION = 0xa0;

/** Returns a view of the SubjectPublicKeyInfo of a DER certificate. A malformed certificate is a bad_certificate. */
export function subjectPublicKeyInfo(certificate: Uint8Array): Uint8Array {
  try {
    const outer = enter(new Reader(certificate), SEQUENCE);
    const tbsCertificate = enter(outer, SEQUENCE);
    if (tbsCertificate.peek() === VERSION) skip(tbsCertificate, VERSION);
    skip(tbsCertificate, INTEGER); // serialNumber
    skip(tbsCertificate, SEQUENCE); // signature
    skip(tbsCertificate, SEQUENCE); // issuer
    skip(tbsCertificate, SEQUENCE); // validity
    skip(tbsCertificate, SEQUENCE); // subject
    const start = tbsCertificate.position;
    skip(tbsCertificate, SEQUENCE);
    return certificate.subarray(start, tbsCertificate.position);
  } catch (error) {
    if (!(error instanceof WireError)) throw error;
    throw alertError("bad_certificate", "certificate", error.message, { cause: error });
  }
}

/** The contents of the next element, which must have this tag. */
function enter(reader: Reader, tag: number): Reader {
  const at = reader.position;
  if (reader.uint8() !== tag) throw new WireError(`expected DER element 0x${tag.toString(16)}`, at);
  return reader.sub(definiteLength(reader));
}

function skip(reader: Reader, tag: number): void {
  enter(reader, tag);
}

/**
 * X.690 §8.1.3. DER allows neither the indefinite form, which would read as a zero-byte length, nor non-minimal
 * lengths.
 */
function definiteLength(reader: Reader): number {
  const at = reader.position;
  const first = reader.uint8();
  if (first < 0x80) return first;
  const count = first - 0x80;
  let length = 0;
  for (let i = 0; i < count; i += 1) length = length * 256 + reader.uint8();
  if (length < 0x80 || length < 256 ** (count - 1)) throw new WireError("DER length is not minimal", at);
  return length;
}
