// Explains what is wrong with a certificate. Over both TCP and QUIC the verdict is an OpenSSL code; this adds the names
// and dates that a person needs.
import type { X509Certificate } from "node:crypto";
import {
  ClientError,
  certificateExpired,
  certificateNotYetValid,
  certificateUnknownAuthority,
  certificateWrongName,
} from "./errors.ts";

const UNKNOWN_AUTHORITY = new Set([
  "DEPTH_ZERO_SELF_SIGNED_CERT",
  "SELF_SIGNED_CERT_IN_CHAIN",
  "UNABLE_TO_GET_ISSUER_CERT",
  "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
  "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
  "CERT_UNTRUSTED",
]);

/**
 * `chain` is what the server sent, its own certificate first. `detail` is the verifier's message, for less common
 * codes.
 */
export function chainProblem(
  host: string,
  code: string,
  detail: string,
  chain: readonly X509Certificate[],
): ClientError {
  const cause = Object.assign(new Error(detail), { code });
  const leaf = chain[0];
  if (leaf === undefined) {
    return new ClientError("CERTIFICATE_INVALID", `${host} sent no readable certificate`, { cause });
  }
  if (code === "CERT_HAS_EXPIRED") {
    const culprit = chain.find((each) => Date.parse(each.validTo) < Date.now()) ?? leaf;
    return certificateExpired(host, new Date(culprit.validTo), cause);
  }
  if (code === "CERT_NOT_YET_VALID") {
    const culprit = chain.find((each) => Date.parse(each.validFrom) > Date.now()) ?? leaf;
    return certificateNotYetValid(host, new Date(culprit.validFrom), cause);
  }
  if (code === "ERR_TLS_CERT_ALTNAME_INVALID") return certificateWrongName(host, namesOf(leaf), cause);
  if (UNKNOWN_AUTHORITY.has(code)) {
    return certificateUnknownAuthority(host, issuerOf(chain.at(-1)!), cause);
  }
  return new ClientError("CERTIFICATE_INVALID", `certificate for ${host} is not acceptable: ${detail}`, { cause });
}

/** Parses Node's format of subject alternative names: `DNS:a.test, IP Address:127.0.0.1`. */
function namesOf(certificate: X509Certificate): string[] {
  return (certificate.subjectAltName ?? "")
    .split(", ")
    .filter((entry) => entry.startsWith("DNS:") || entry.startsWith("IP Address:"))
    .map((entry) => entry.slice(entry.indexOf(":") + 1));
}

/** Parses Node's format of a distinguished name: one attribute per line. */
function issuerOf(certificate: X509Certificate): string | undefined {
  const attributes = certificate.issuer.split("\n");
  return ["CN=", "O="]
    .map((type) => attributes.find((each) => each.startsWith(type))?.slice(type.length))
    .find((name) => name !== undefined);
}
