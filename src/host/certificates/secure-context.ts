/** An identity for TLS over TCP: Node's context, created once and kept as long as the identity. */

import { createHmac } from "node:crypto";
import { createSecureContext, type SecureContext, type SecureContextOptions } from "node:tls";
import { type Identity, IdentityError } from "./identity.ts";

export type { SecureContext };

/** Options of TLS over TCP that belong to a context, by node:tls's names. */
export interface ContextOptions extends Pick<SecureContextOptions, (typeof CONTEXT_OPTIONS)[number]> {
  /** From it and the certificate follow the keys of session tickets. By default, each context has random ones. */
  readonly ticketSecret?: Uint8Array;
}

export const CONTEXT_OPTIONS = [
  "ca",
  "ciphers",
  "crl",
  "dhparam",
  "ecdhCurve",
  "honorCipherOrder",
  "maxVersion",
  "minVersion",
  "secureOptions",
  "sessionIdContext",
  "sigalgs",
] as const;

export const NO_CONTEXT_OPTIONS: ContextOptions = {};

/** By options, which are compared by identity. */
const contexts = new WeakMap<ContextOptions, WeakMap<Identity, SecureContext>>();

const identities = new WeakMap<SecureContext, Identity>();

/** The identity of a context made here; undefined for others, which do not give out their keys. */
export const identityOfContext = (context: SecureContext): Identity | undefined => identities.get(context);

/** Takes about a millisecond the first time. Throws an `IdentityError` if OpenSSL refuses the identity. */
export function secureContextOf(identity: Identity, options: ContextOptions = NO_CONTEXT_OPTIONS): SecureContext {
  let known = contexts.get(options);
  if (known === undefined) {
    known = new WeakMap();
    contexts.set(options, known);
  }
  let context = known.get(identity);
  if (context === undefined) {
    context = create(identity, options);
    known.set(identity, context);
    identities.set(context, identity);
  }
  return context;
}

/** The complete options for `createSecureContext`. */
export const contextOptionsOf = (
  { cert, key }: Identity,
  { ticketSecret, ...options }: ContextOptions,
): SecureContextOptions => ({
  // RFC 9113 §9.2
  minVersion: "TLSv1.2",
  ...options,
  // SHA-384 gives the 48 bytes that Node asks for.
  ...(ticketSecret === undefined
    ? {}
    : { ticketKeys: createHmac("sha384", ticketSecret).update(String(cert)).digest() }),
  cert,
  key,
});

function create(identity: Identity, options: ContextOptions): SecureContext {
  const { names } = identity;
  try {
    return createSecureContext(contextOptionsOf(identity, options));
  } catch (cause) {
    const message = `OpenSSL refuses the certificate for ${names.join(", ")}: ${(cause as Error).message}`;
    throw new IdentityError("CERTIFICATE_UNSUPPORTED", message, { cause });
  }
}
