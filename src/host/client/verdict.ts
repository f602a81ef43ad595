// The verdict on a server's certificate: one judge (host/certificates), whatever the connection runs over. A second, weaker one
// over TCP could be chosen by anybody who blocks UDP.
import { X509Certificate } from "node:crypto";
import { type CertificateVerifier, createCertificateVerifier, type Verdict } from "../certificates/index.ts";
import { chainProblem } from "./certificate-problem.ts";
import { asClientError, type ClientError } from "./errors.ts";
import type { DialOptions } from "./session.ts";

/** By the list of authorities, which a client makes once: reading it costs more than a handshake. */
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
  /** What a TLS alert and a log can say of it; undefined when the judge failed. */
  readonly verdict: Extract<Verdict, { ok: false }> | undefined;
}

/** Why the chain (DER, the server's own certificate first) is refused; undefined when it is not, or nothing is. */
export async function refusalOf(
  chain: readonly Uint8Array[],
  options: Pick<DialOptions, "servername" | "ca" | "rejectUnauthorized">,
  now: Date,
): Promise<Refusal | undefined> {
  const { servername, ca, rejectUnauthorized } = options;
  if (!rejectUnauthorized) return undefined;
  try {
    const verdict = await verifierFor(ca).verify(chain, servername, now);
    if (verdict.ok) return undefined;
    return { error: chainProblem(servername, verdict.code, verdict.message, readable(chain)), verdict };
  } catch (error) {
    const failure = asClientError(error, "CERTIFICATE_INVALID", `certificate for ${servername} cannot be judged`);
    return { error: failure, verdict: undefined };
  }
}

/** What of a chain can be told about: a server may send anything. */
function readable(chain: readonly Uint8Array[]): X509Certificate[] {
  return chain.flatMap((der) => {
    try {
      return [new X509Certificate(der)];
    } catch {
      return [];
    }
  });
}
