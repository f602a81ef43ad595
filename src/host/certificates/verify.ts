/** Verifies a server's certificate for a client (RFC 5280 §6, RFC 9525 §6), or a client's for a server. */

import { type Certificate, MalformedCertificate, parseX509 } from "./certificate.ts";
import { covers, parseHost } from "./host-name.ts";
import { namesOf } from "./identity.ts";
import { checkCertificate, findPath, type Subject } from "./path.ts";
import { type CertificateProblem, problem } from "./problem.ts";
import { bundledTrust, customTrust, systemTrust, type TrustSource, type TrustStore } from "./trust.ts";

export interface VerifierOptions {
  /**
   * Certificates to trust instead of Node's own, as PEM text or DER, or "system" for the operating system's list. All
   * of them are trusted, whether CAs or self-signed server certificates.
   */
  readonly ca?: TrustSource;
  /** If false, accepts every certificate and only reports its problem. */
  readonly rejectUnauthorized?: boolean | undefined;
  /** Whose certificates are verified. Default: those of servers. */
  readonly subject?: Subject;
}

export type Verdict =
  /** `ignored` is the problem of a certificate accepted because of `rejectUnauthorized: false`. */
  { readonly ok: true; readonly ignored?: CertificateProblem } | ({ readonly ok: false } & CertificateProblem);

export interface CertificateVerifier {
  /** `chain` is DER: first the peer's own certificate, then the others in any order. Names of clients are not checked. */
  verify(chain: readonly Uint8Array[], serverName: string | undefined, now: Date): Promise<Verdict>;
}

/** Servers usually send two or three. */
const MAX_CHAIN = 16;

/** Throws a `TrustError` if `ca` contains anything but certificates. */
export function createCertificateVerifier(options: VerifierOptions = {}): CertificateVerifier {
  const { ca, rejectUnauthorized = true, subject = "server" } = options;
  const given = ca === undefined || ca === "system" ? undefined : customTrust(ca);
  const trust = async (): Promise<TrustStore> => given ?? (ca === "system" ? systemTrust() : bundledTrust());
  return {
    verify: async (chain, serverName, now) => {
      const found = judge(chain, subject === "client" ? CLIENT : serverNamed(serverName), await trust(), now);
      if (found === undefined) return { ok: true };
      return rejectUnauthorized ? { ok: false, ...found } : { ok: true, ignored: found };
    },
  };
}

interface Expected {
  readonly subject: Subject;
  /** Undefined for a client, whose certificate may be for any name. */
  readonly name: string | undefined;
}

const CLIENT: Expected = { subject: "client", name: undefined };

function serverNamed(name: string | undefined): Expected {
  if (name === undefined) throw new TypeError("the certificate of a server is verified for a name");
  return { subject: "server", name };
}

function judge(
  chain: readonly Uint8Array[],
  { subject, name }: Expected,
  trust: TrustStore,
  now: Date,
): CertificateProblem | undefined {
  if (chain.length > MAX_CHAIN) {
    return problem(
      "CERT_CHAIN_TOO_LONG",
      `the ${subject} sent ${chain.length} certificates; the limit is ${MAX_CHAIN}`,
    );
  }
  let certificates: readonly Certificate[];
  try {
    certificates = chain.map(parseX509);
  } catch (error) {
    if (error instanceof MalformedCertificate) {
      return problem("CERT_MALFORMED", `the ${subject} sent a malformed certificate: ${error.message}`);
    }
    throw error;
  }
  const [leaf, ...others] = certificates;
  if (leaf === undefined) return problem("CERT_MALFORMED", `the ${subject} sent no certificate`);
  const found = findPath(leaf, others, trust, now, subject);
  // Trust comes first: the contents of an untrusted certificate mean little.
  if ("problem" in found) return found.problem;
  return checkLeaf(leaf, now, subject) ?? (name === undefined ? undefined : checkName(leaf, name));
}

const DIGITAL_SIGNATURE = 0;

function checkLeaf(leaf: Certificate, now: Date, subject: Subject): CertificateProblem | undefined {
  // RFC 8446 §4.4.2.2: the key signs the handshake.
  if (leaf.keyUsage !== undefined && !leaf.keyUsage.has(DIGITAL_SIGNATURE)) {
    return problem("INVALID_PURPOSE", `the key of the certificate "${leaf.subject.display}" is not for signing`);
  }
  return checkCertificate(leaf, now, subject);
}

/** Ignores the common name (RFC 9525 §6.3). */
function checkName(leaf: Certificate, serverName: string): CertificateProblem | undefined {
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
