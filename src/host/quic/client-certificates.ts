/** Asks the clients of a listener for certificates, as TLS over TCP does: node:tls's options, and its codes of problems. */

import { type CertificateVerifier, createCertificateVerifier, type TrustSource } from "../certificates/index.ts";
import type { ClientIdentity } from "../http/exchange.ts";
import type { TlsOptions } from "../http/listener.ts";

interface Judgement {
  readonly client: ClientIdentity;
  /** For the TLS alert; undefined accepts the client. */
  readonly refusal: { readonly alert: number; readonly reason: string } | undefined;
}

export class ClientCertificates {
  readonly policy: "optional" | "required";
  /** Of clients that send no certificate, with OpenSSL's code for them. */
  readonly none: ClientIdentity = { chain: [], problem: "UNABLE_TO_GET_ISSUER_CERT" };
  readonly #verifier: CertificateVerifier;

  /** Throws a `TrustError` if `ca` contains anything but certificates. */
  constructor({ context, rejectUnauthorized }: TlsOptions) {
    this.policy = rejectUnauthorized ? "required" : "optional";
    this.#verifier = createCertificateVerifier({ ca: sourcesOf(context.ca), rejectUnauthorized, subject: "client" });
  }

  async judge(chain: readonly Uint8Array[], now: Date): Promise<Judgement> {
    const verdict = await this.#verifier.verify(chain, undefined, now);
    const found = verdict.ok ? verdict.ignored : verdict;
    return {
      client: { chain, problem: found?.code ?? null },
      refusal: verdict.ok ? undefined : { alert: verdict.alert, reason: verdict.message },
    };
  }
}

function sourcesOf(ca: TlsOptions["context"]["ca"]): TrustSource {
  if (ca === undefined) return undefined;
  return typeof ca === "string" || ca instanceof Uint8Array ? [ca] : ca;
}
