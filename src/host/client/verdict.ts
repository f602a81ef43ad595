// The verdict on a server's certificate, by one verifier (host/certificates) for both TCP and QUIC. If the one for TCP
// were weaker, an attacker could select it by blocking UDP.
import { X509Certificate } from "node:crypto";
import { type CertificateVerifier, createCertificateVerifier, type Verdict } from "../certificates/index.ts";
import { judgeByHash } from "./certificate-hash.ts";
import { chainProblem } from "./certificate-problem.ts";
import { asClientError, type ClientError } from "./errors.ts";
import type { DialOptions } from "./session.ts";

/** Keyed by the list of authorities, which a client creates once: parsing it costs more than a handshake. */
const verifiers = new WeakMap<readonly string[], CertificateVerifier>();
let bundled: CertificateVerifier | undefined;

function verifierFor(ca: readonly string[] | undefined): CertificateVerifier {
  if (ca === undefined) {
    bundled ??= createCertificateVerifier();
    return bundled;
  }
  let verifier = verifiers.get(ca);
  if (verifier === undefined) {
    verifier = createCertificateVerifier({ ca });
    verifiers.set(ca, verifier);
  }
  return verifier;
}

export interface Refusal {
  readonly error: ClientError;
  /** For the TLS alert and the log; undefined if the verifier itself failed. */
  readonly verdict: Extract<Verdict, { ok: false }> | undefined;
}

/** Verifies the chain (DER, the server's own certificate first). Undefined if it is accepted or verification is off. */
export async function judgeCertificate(
  chain: readonly Uint8Array[],
  options: Pick<DialOptions, "servername" | "ca" | "rejectUnauthorized" | "certificateHashes">,
  now: Date,
): Promise<Refusal | undefined> {
  const { servername, ca, rejectUnauthorized, certificateHashes } = options;
  if (certificateHashes !== undefined) {
    const error = judgeByHash(chain[0], certificateHashes, servername, now);
    return error && { error, verdict: undefined };
  }
  if (!rejectUnauthorized) return undefined;
  try {
    const verdict = await verifierFor(ca).verify(chain, servername, now);
    if (verdict.ok) return undefined;
    return { error: chainProblem(servername, verdict.code, verdict.message, readable(chain)), verdict };
  } catch (error) {
    const failure = asClientError(error, "CERTIFICATE_INVALID", `certificate for ${servername} cannot be verified`);
    return { error: failure, verdict: undefined };
  }
}

/** The certificates of the chain that can be parsed: a server may send anything. */
function readable(chain: readonly Uint8Array[]): X509Certificate[] {
  return chain.flatMap((der) => {
    try {
      return [new X509Certificate(der)];
    } catch {
      return [];
    }
  });
}
