/** An identity for TLS over TCP: Node's context, created once and kept as long as the identity. */

import { createSecureContext, type SecureContext } from "node:tls";
import { type Identity, IdentityError } from "./identity.ts";

const contexts = new WeakMap<Identity, SecureContext>();

/** Takes about a millisecond the first time. Throws an `IdentityError` if OpenSSL refuses the identity. */
export function secureContextOf(identity: Identity): SecureContext {
  let context = contexts.get(identity);
  if (context === undefined) {
    context = create(identity);
    contexts.set(identity, context);
  }
  return context;
}

function create({ cert, key, names }: Identity): SecureContext {
  try {
    return createSecureContext({ cert, key });
  } catch (cause) {
    const message = `OpenSSL refuses the certificate for ${names.join(", ")}: ${(cause as Error).message}`;
    throw new IdentityError("CERTIFICATE_UNSUPPORTED", message, { cause });
  }
}
