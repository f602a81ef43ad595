/** The messages that prove an identity: Certificate and CertificateVerify (RFC 8446 §4.4.2, §4.4.3). */

import type { CryptoEngine, SignatureSchemeName } from "../crypto/engine.ts";
import { KEY_KIND, parsePublicKey } from "../crypto/public-key.ts";
import { alertError } from "./alerts.ts";
import { callHost } from "./call-host.ts";
import { formatCodePoint, nameOf, SIGNATURE_SCHEMES } from "./code-points.ts";
import type { TlsIdentity } from "./handshake.ts";
import { emitCertificate } from "./messages/certificate.ts";
import { emitCertificateVerify, parseCertificateVerify, signedContent } from "./messages/certificate-verify.ts";
import { type HandshakeMessage, parseBody } from "./messages/message.ts";
import type { Transcript } from "./transcript.ts";

/** During the handshake, the context of a request is empty (RFC 8446 §4.3.2). */
const NO_CONTEXT = new Uint8Array(0);

/** The Certificate message of each chain: the same in every handshake. */
const certificates = new WeakMap<readonly Uint8Array[], Uint8Array>();

function certificateOf(chain: readonly Uint8Array[]): Uint8Array {
  let message = certificates.get(chain);
  if (message === undefined) {
    const entries = chain.map((certificate) => ({ certificate, extensions: {} }));
    certificates.set(chain, (message = emitCertificate({ requestContext: NO_CONTEXT, entries })));
  }
  return message;
}

/** Both messages; adds them to the transcript. */
export function proofOf(
  { chain, signer }: TlsIdentity,
  scheme: SignatureSchemeName,
  transcript: Transcript,
  side: "client" | "server",
  compress: (certificate: Uint8Array) => Uint8Array = (certificate) => certificate,
): readonly Uint8Array[] {
  const certificate = compress(certificateOf(chain));
  transcript.append(certificate);
  const content = signedContent(transcript.digest(), side);
  const signature = callHost("signing", () => signer.sign(scheme, content), side);
  const verify = emitCertificateVerify({ algorithm: SIGNATURE_SCHEMES[scheme], signature });
  transcript.append(verify);
  return [certificate, verify];
}

/** A client's answer to a CertificateRequest that allows `algorithms`. */
export function clientProof(
  identity: TlsIdentity | undefined,
  algorithms: readonly number[],
  transcript: Transcript,
): readonly Uint8Array[] {
  const scheme = identity?.signer.schemes.find((candidate) => algorithms.includes(SIGNATURE_SCHEMES[candidate]));
  if (identity !== undefined && scheme !== undefined) return proofOf(identity, scheme, transcript, "client");
  // RFC 8446 §4.4.2.4: a client without a suitable certificate sends an empty list.
  const certificate = emitCertificate({ requestContext: NO_CONTEXT, entries: [] });
  transcript.append(certificate);
  return [certificate];
}

/** Checks a CertificateVerify, which is not in the transcript yet; returns its scheme. */
export function verifySignature(
  engine: CryptoEngine,
  publicKey: Uint8Array,
  message: HandshakeMessage,
  transcript: Transcript,
  signer: "client" | "server",
): SignatureSchemeName {
  const { algorithm, signature } = parseBody(message, parseCertificateVerify);
  // RFC 8446 §4.4.3: a scheme that was offered, and not one for certificates only.
  const scheme = nameOf(SIGNATURE_SCHEMES, algorithm);
  if (scheme === undefined) {
    throw alertError("illegal_parameter", "certificate_verify", `${formatCodePoint(algorithm)} was not offered`);
  }
  // RFC 8446 §4.4.3: compatible with the key of the certificate.
  const key = parsePublicKey(publicKey);
  if (key !== undefined && key.kind !== KEY_KIND[scheme]) {
    throw alertError("illegal_parameter", "certificate_verify", `${scheme} does not suit a key of ${key.kind}`);
  }
  if (!engine.verify(scheme, publicKey, signedContent(transcript.digest(), signer), signature)) {
    throw alertError("decrypt_error", "certificate_verify", "the signature does not verify");
  }
  return scheme;
}
