/** The certificates of a server as TLS for QUIC asks for them: by server name, and by what the client can verify. */

import type { SignatureSchemeName } from "../../crypto/index.ts";
import type { TlsIdentity } from "../../tls/index.ts";
import { CertificateStore, type Identity as LoadedIdentity, loadIdentity } from "../certificates/index.ts";
import type { Identity } from "../http/identity.ts";

export type SelectIdentity = (
  serverName: string | undefined,
  schemes: readonly SignatureSchemeName[],
) => TlsIdentity | undefined;

export function tlsIdentities(identities: readonly Identity[]): SelectIdentity {
  // Their validity was judged when the server was configured.
  const loaded = identities.map(({ cert, key }) => loadIdentity({ cert, key }, { ignoreValidity: true }));
  const store = new CertificateStore(loaded as [LoadedIdentity, ...LoadedIdentity[]]);
  return (serverName, schemes) => store.select(serverName, schemes);
}
