// A server's certificate by its hash, as in the W3C's WebTransport: "serverCertificateHashes" replaces trust in authorities.
import { createHash, timingSafeEqual, X509Certificate } from "node:crypto";
import { ClientError } from "./errors.ts";

/** W3C WebTransport §5.1 (custom certificate requirements). */
const MAX_VALIDITY = 14 * 24 * 60 * 60 * 1000;

/** Undefined if the certificate is accepted. Its names do not matter. */
export function judgeByHash(
  der: Uint8Array | undefined,
  hashes: readonly Uint8Array[],
  servername: string,
  now: Date,
): ClientError | undefined {
  const problem = der === undefined ? "there is none" : problemOf(der, hashes, now);
  if (problem === undefined) return undefined;
  return new ClientError("CERTIFICATE_INVALID", `certificate of ${servername} is refused: ${problem}`);
}

function problemOf(der: Uint8Array, hashes: readonly Uint8Array[], now: Date): string | undefined {
  const own = createHash("sha256").update(der).digest();
  if (!hashes.some((hash) => hash.length === own.length && timingSafeEqual(hash, own))) {
    return "its hash is none of serverCertificateHashes";
  }
  let certificate: X509Certificate;
  try {
    certificate = new X509Certificate(der);
  } catch {
    return "it cannot be parsed";
  }
  const [from, to] = [Date.parse(certificate.validFrom), Date.parse(certificate.validTo)];
  if (now.getTime() < from || now.getTime() > to) return "it is not valid now";
  if (to - from > MAX_VALIDITY) return "it is valid for more than 14 days";
  if (certificate.publicKey.asymmetricKeyType === "rsa") return "its key is RSA";
  return undefined;
}
