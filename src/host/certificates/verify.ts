/** A client's judgement of a server's certificate (RFC 5280 §6, RFC 9525 §6). */

import { type Certificate, MalformedCertificate, parseX509 } from "./certificate.ts";
import { covers, parseHost } from "./host-name.ts";
import { namesOf } from "./identity.ts";
import { findPath, judgeAlone } from "./path.ts";
import { type CertificateProblem, problem } from "./problem.ts";
import { bundledTrust, givenTrust, systemTrust, type TrustSource, type TrustStore } from "./trust.ts";

export interface VerifierOptions {
  /**
   * Certificates to trust instead of Node's own, as PEM text or DER; "system" for the operating system's list. Whatever
   * is given is trusted, be it a CA or a self-signed server certificate.
   */
  readonly ca?: TrustSource;
  /** False accepts every certificate and only reports what is wrong with it. */
  readonly rejectUnauthorized?: boolean | undefined;
}

export type Verdict =
  /** `ignored` is what is wrong with a certificate that `rejectUnauthorized: false` let pass. */
  { readonly ok: true; readonly ignored?: CertificateProblem } | ({ readonly ok: false } & CertificateProblem);

export interface CertificateVerifier {
  /** `chain` is DER, the server's own certificate first; the others may come in any order. */
  verify(chain: readonly Uint8Array[], serverName: string, now: Date): Promise<Verdict>;
}

/** Servers send two or three. */
const MAX_CHAIN = 16;

/** Throws a `TrustError` when what is given as `ca` is not certificates. */
export function createCertificateVerifier(options: VerifierOptions = {}): CertificateVerifier {
  const { ca, rejectUnauthorized = true } = options;
  const given = ca === undefined || ca === "system" ? undefined : givenTrust(ca);
  const trust = async (): Promise<TrustStore> => given ?? (ca === "system" ? systemTrust() : bundledTrust());
  return {
    verify: async (chain, serverName, now) => {
      const found = judge(chain, serverName, await trust(), now);
      if (found === undefined) return { ok: true };
      return rejectUnauthorized ? { ok: false, ...found } : { ok: true, ignored: found };
    },
  };
}

function judge(
  chain: readonly Uint8Array[],
  serverName: string,
  trust: TrustStore,
  now: Date,
): CertificateProblem | undefined {
  if (chain.length > MAX_CHAIN) {
    return problem(
      "CERT_CHAIN_TOO_LONG",
      `the server sent ${chain.length} certificates; at most ${MAX_CHAIN} are read`,
    );
  }
  let certificates: readonly Certificate[];
  try {
    certificates = chain.map(parseX509);
  } catch (error) {
    if (error instanceof MalformedCertificate) {
      return problem("CERT_MALFORMED", `the server sent a malformed certificate: ${error.message}`);
    }
    throw error;
  }
  const [leaf, ...others] = certificates;
  if (leaf === undefined) return problem("CERT_MALFORMED", "the server sent no certificate");
  const found = findPath(leaf, others, trust, now);
  // Trust comes first: what an untrusted certificate says of itself is of little interest.
  return "problem" in found ? found.problem : (judgeLeaf(leaf, now) ?? judgeName(leaf, serverName));
}

const DIGITAL_SIGNATURE = 0;

function judgeLeaf(leaf: Certificate, now: Date): CertificateProblem | undefined {
  // RFC 8446 §4.4.2.2: the key signs the handshake.
  if (leaf.keyUsage !== undefined && !leaf.keyUsage.has(DIGITAL_SIGNATURE)) {
    return problem("INVALID_PURPOSE", `the key of the certificate "${leaf.subject.display}" is not for signing`);
  }
  return judgeAlone(leaf, now);
}

/** The common name does not count (RFC 9525 §6.3). */
function judgeName(leaf: Certificate, serverName: string): CertificateProblem | undefined {
  const host = parseHost(serverName);
  if (leaf.altNames.some((name) => covers(name, host))) return undefined;
  const names = namesOf(leaf);
  return problem(
    "ERR_TLS_CERT_ALTNAME_INVALID",
    names.length > 0
      ? `the certificate is not for ${serverName} but for ${listed(names)}`
      : `the certificate "${leaf.subject.display}" has no subject alternative names, so it is not for ${serverName}`,
  );
}

const MAX_LISTED = 10;

/** Some certificates have a hundred names. */
const listed = (names: readonly string[]): string =>
  names.length <= MAX_LISTED
    ? names.join(", ")
    : `${names.slice(0, MAX_LISTED).join(", ")} and ${names.length - MAX_LISTED} more`;
