// Says which thing is wrong with a certificate that Node's TLS refused. OpenSSL's verdict is a code; the person needs the name and the date.
import type { DetailedPeerCertificate } from "node:tls";
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

/** `verdict` is TLSSocket.authorizationError; `leaf` the certificate that the peer showed. */
export function certificateProblem(host: string, verdict: string, leaf: DetailedPeerCertificate): ClientError {
  const cause = Object.assign(new Error(verdict), { code: verdict });
  if (verdict === "CERT_HAS_EXPIRED") {
    const culprit = chain(leaf).find((each) => Date.parse(each.valid_to) < Date.now()) ?? leaf;
    return certificateExpired(host, new Date(culprit.valid_to), cause);
  }
  if (verdict === "CERT_NOT_YET_VALID") {
    const culprit = chain(leaf).find((each) => Date.parse(each.valid_from) > Date.now()) ?? leaf;
    return certificateNotYetValid(host, new Date(culprit.valid_from), cause);
  }
  if (verdict === "ERR_TLS_CERT_ALTNAME_INVALID") return certificateWrongName(host, namesOf(leaf), cause);
  if (UNKNOWN_AUTHORITY.has(verdict)) {
    const top = chain(leaf).at(-1) ?? leaf;
    return certificateUnknownAuthority(host, nameOf(top.issuer), cause);
  }
  return new ClientError("CERTIFICATE_INVALID", `certificate for ${host} is not acceptable: ${verdict}`, { cause });
}

/** The certificate, its issuer, and so on; the last one of a complete chain names itself as issuer. */
function chain(leaf: DetailedPeerCertificate): DetailedPeerCertificate[] {
  const all: DetailedPeerCertificate[] = [];
  for (let next: DetailedPeerCertificate | undefined = leaf; next?.valid_to; next = next.issuerCertificate) {
    if (all.some((each) => each.fingerprint256 === next?.fingerprint256)) break;
    all.push(next);
  }
  return all;
}

function namesOf(leaf: DetailedPeerCertificate): string[] {
  const names = (leaf.subjectaltname ?? "")
    .split(", ")
    .filter((entry) => entry.startsWith("DNS:") || entry.startsWith("IP Address:"))
    .map((entry) => entry.slice(entry.indexOf(":") + 1));
  return names;
}

function nameOf(issuer: { CN?: string | string[]; O?: string | string[] } | undefined): string | undefined {
  const name = issuer?.CN ?? issuer?.O;
  return Array.isArray(name) ? name.join(", ") : name;
}
