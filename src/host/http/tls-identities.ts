/**
 * Certificates by server name for TLS over TCP. `use` replaces all of them between two handshakes. Established connections
 * are not affected. Session tickets issued before are not accepted any more, since Node encrypts those of each context with
 * a key of its own, so a client that resumes gets a full handshake with the new certificate (RFC 8446 §2.2).
 */

import type { SecureContext, SecureContextOptions } from "node:tls";
import type { SignatureSchemeName } from "../../crypto/index.ts";
import type { Identity } from "../certificates/identity.ts";
import {
  type ContextOptions,
  contextOptionsOf,
  NO_CONTEXT_OPTIONS,
  secureContextOf,
} from "../certificates/secure-context.ts";
import { CertificateStore } from "../certificates/store.ts";
import type { ListenerOptions } from "./listener.ts";

/** What `tls.Server` needs for clients that send no server name. */
interface SecureServer {
  setSecureContext(options: SecureContextOptions): void;
}

export class TlsIdentities {
  #identities: ListenerOptions["identities"];
  #store: CertificateStore;
  /** Node does not reveal the client's signature schemes, so identities are selected only by name. */
  #schemes: readonly SignatureSchemeName[];

  readonly #context: ContextOptions;

  constructor(identities: ListenerOptions["identities"], context: ContextOptions = NO_CONTEXT_OPTIONS) {
    this.#context = context;
    this.#identities = identities;
    this.#store = new CertificateStore(identities);
    this.#schemes = schemesOf(identities);
  }

  /** Throws, and keeps the previous ones, if OpenSSL refuses the default identity. Others get their contexts on demand. */
  use(identities: ListenerOptions["identities"], server: SecureServer): void {
    server.setSecureContext(contextOptionsOf(identities[0], this.#context));
    this.#identities = identities;
    this.#store = new CertificateStore(identities);
    this.#schemes = schemesOf(identities);
  }

  /** For `createSecureServer`. */
  options(): SecureContextOptions {
    return contextOptionsOf(this.#identities[0], this.#context);
  }

  contextOf(identity: Identity): SecureContext {
    return secureContextOf(identity, this.#context);
  }

  contextFor(serverName: string): SecureContext {
    return secureContextOf(this.#store.select(serverName, this.#schemes) ?? this.#identities[0], this.#context);
  }
}

const schemesOf = (identities: readonly Identity[]): readonly SignatureSchemeName[] => [
  ...new Set(identities.flatMap(({ signer }) => signer.schemes)),
];

/** Contexts are cached by their options, so without a secret these stay the same object. */
export const contextWith = ({
  tlsOptions,
  ticketSecret,
}: Pick<ListenerOptions, "tlsOptions" | "ticketSecret">): ContextOptions | undefined =>
  ticketSecret === undefined ? tlsOptions?.context : { ...tlsOptions?.context, ticketSecret };
