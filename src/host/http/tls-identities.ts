/**
 * Certificates by server name for TLS over TCP. `use` replaces all of them between two handshakes. Established connections
 * are not affected. Session tickets issued before are not accepted any more, since Node encrypts those of each context with
 * a key of its own, so a client that resumes gets a full handshake with the new certificate (RFC 8446 §2.2).
 */

import { createSecureContext, type SecureContext } from "node:tls";
import type { SignatureSchemeName } from "../../crypto/index.ts";
import { type Identity, IdentityError } from "../certificates/identity.ts";
import { CertificateStore } from "../certificates/store.ts";
import type { ListenerOptions } from "./listener.ts";

/** What `tls.Server` needs for clients that send no server name. */
interface SecureServer {
  setSecureContext(options: ReturnType<TlsIdentities["options"]>): void;
}

export class TlsIdentities {
  #identities: ListenerOptions["identities"];
  #store: CertificateStore;
  /** Node does not reveal the client's signature schemes, so identities are selected only by name. */
  #schemes: readonly SignatureSchemeName[];
  /** The context lives as long as its identity, which a reload may keep. */
  readonly #contexts = new WeakMap<Identity, SecureContext>();

  constructor(identities: ListenerOptions["identities"]) {
    this.#identities = identities;
    this.#store = new CertificateStore(identities);
    this.#schemes = schemesOf(identities);
  }

  /** Throws an `IdentityError` if OpenSSL refuses one of the identities; the previous ones then stay in use. */
  use(identities: ListenerOptions["identities"], server: SecureServer): void {
    for (const identity of identities) this.#contextOf(identity);
    this.#identities = identities;
    this.#store = new CertificateStore(identities);
    this.#schemes = schemesOf(identities);
    server.setSecureContext(this.options());
  }

  /** For `createSecureServer` and `setSecureContext`. */
  options() {
    const [{ cert, key }] = this.#identities;
    return { cert, key, minVersion: "TLSv1.2" } as const;
  }

  contextFor(serverName: string): SecureContext {
    return this.#contextOf(this.#store.select(serverName, this.#schemes) ?? this.#identities[0]);
  }

  #contextOf(identity: Identity): SecureContext {
    let context = this.#contexts.get(identity);
    if (context === undefined) {
      context = contextFrom(identity);
      this.#contexts.set(identity, context);
    }
    return context;
  }
}

const schemesOf = (identities: readonly Identity[]): readonly SignatureSchemeName[] => [
  ...new Set(identities.flatMap(({ signer }) => signer.schemes)),
];

function contextFrom({ cert, key, names }: Identity): SecureContext {
  try {
    return createSecureContext({ cert, key });
  } catch (cause) {
    const message = `OpenSSL refuses the certificate for ${names.join(", ")}: ${(cause as Error).message}`;
    throw new IdentityError("CERTIFICATE_UNSUPPORTED", message, { cause });
  }
}
