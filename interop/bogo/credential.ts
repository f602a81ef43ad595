/** The runner's certificates and keys as identities. */

import { createPrivateKey } from "node:crypto";
import { readFileSync } from "node:fs";
import { certificatesOfPem } from "../../src/host/certificates/pem.ts";
import { createSigner } from "../../src/host/certificates/signer.ts";
import { nameOf, SIGNATURE_SCHEMES } from "../../src/tls/code-points.ts";
import type { TlsIdentity } from "../../src/tls/handshake.ts";
import { type ConnectionFlags, type CredentialFlags, Unimplemented } from "./flags.ts";

export interface Credential {
  /** As the runner counts them: -1 is the default one. */
  readonly index: number;
  readonly identity: TlsIdentity;
}

export const chainOf = (file: string): readonly Uint8Array[] => certificatesOfPem(readFileSync(file, "latin1"));

/** In the order of their use: those of the list, then the default one. */
export function credentialsOf({ credentials, defaultCredential }: ConnectionFlags): readonly Credential[] {
  return [...credentials.entries(), [-1, defaultCredential] as const].flatMap(([index, credential]) => {
    const identity = identityOf(credential);
    return identity === undefined ? [] : [{ index, identity }];
  });
}

function identityOf({ certFile, keyFile, signingPreferences }: CredentialFlags): TlsIdentity | undefined {
  if (certFile === undefined || keyFile === undefined) return undefined;
  const signer = createSigner(readKey(keyFile));
  if (signer.schemes.length === 0) throw new Unimplemented("keys other than RSA, P-256, P-384 and Ed25519");
  const preferred = signingPreferences.map((scheme) => nameOf(SIGNATURE_SCHEMES, scheme));
  const schemes =
    preferred.length === 0
      ? signer.schemes
      : preferred.filter((scheme) => scheme !== undefined).filter((scheme) => signer.schemes.includes(scheme));
  return { chain: chainOf(certFile), signer: { schemes, sign: signer.sign } };
}

function readKey(file: string) {
  try {
    return createPrivateKey(readFileSync(file));
  } catch (error) {
    throw new Unimplemented("keys other than RSA, P-256, P-384 and Ed25519", { cause: error });
  }
}
