/** Selects a server's certificate for TLS in QUIC, by server name and by the client's signature schemes. */

import type { SignatureSchemeName } from "../../crypto/index.ts";
import type { TlsIdentity } from "../../tls/index.ts";
import type { Identity } from "../certificates/identity.ts";
import { CertificateStore } from "../certificates/store.ts";

export type SelectIdentity = (
  serverName: string | undefined,
  schemes: readonly SignatureSchemeName[],
) => TlsIdentity | undefined;

export function tlsIdentities(identities: readonly [Identity, ...Identity[]]): SelectIdentity {
  const store = new CertificateStore(identities);
  return (serverName, schemes) => store.select(serverName, schemes);
}
