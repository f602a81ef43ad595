/** Revocation (RFC 8555 §7.6), by the account that ordered the certificate. */

import { certificatesOfPem } from "../certificates/pem.ts";
import type { Account } from "./account.ts";
import type { AcmeClient } from "./client.ts";
import { invalidOption } from "./errors.ts";
import { base64url } from "./jose.ts";

/** The reasons of RFC 5280 §5.3.1 that a subscriber may give. */
const REASONS = {
  unspecified: 0,
  keyCompromise: 1,
  affiliationChanged: 3,
  superseded: 4,
  cessationOfOperation: 5,
} as const;
export type RevocationReason = keyof typeof REASONS;

/** `cert` is PEM, with the certificate to revoke first. Rejects with an `AcmeError`. */
export async function revokeCertificate(
  client: AcmeClient,
  account: Account,
  cert: string,
  reason: RevocationReason,
  signal: AbortSignal,
): Promise<void> {
  const [der] = certificatesOfPem(cert);
  if (der === undefined) throw invalidOption("there is no certificate in PEM to revoke");
  const { revokeCert } = await client.directory(signal);
  const payload = { certificate: base64url(der), reason: REASONS[reason] };
  await client.post(revokeCert, await account.signer(signal), { signal, step: "certificate", names: [], payload });
}
