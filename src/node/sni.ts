/** `SNICallback`: certificates that a program selects by server name, over every version. */
import type { Identity } from "../host/certificates/identity.ts";
import {
  CONTEXT_OPTIONS,
  type ContextOptions,
  identityOfContext,
  type SecureContext,
  secureContextOf,
} from "../host/certificates/secure-context.ts";
import type { SelectByName } from "../host/certificates/select-by-name.ts";
import { ServeError } from "../host/listen/errors.ts";
import { type CertificateOptions, identitiesOf } from "./identities.ts";

/**
 * As in node:tls. HTTP/3 needs the key and certificate, which Node's own contexts do not give out: call back with a context
 * of `createSecureContext` from here, or with `cert` and `key`.
 */
export type SniCallback = (
  servername: string,
  callback: (error: Error | null, context?: SecureContext | CertificateOptions | null) => void,
) => void;

/** Like that of node:tls, but HTTP/3 can use the result too. Throws an `IdentityError`. */
export function createSecureContext(options: CertificateOptions & ContextOptions): SecureContext {
  const [identity] = identitiesOf(options);
  if (identity === undefined) throw new ServeError("OPTION_INVALID", "there is no certificate: give cert and key");
  const given = CONTEXT_OPTIONS.filter((name) => options[name] !== undefined);
  if (given.length === 0) return secureContextOf(identity);
  return secureContextOf(identity, Object.fromEntries(given.map((name) => [name, options[name]])));
}

/** Identities of options, so that a program may call back with the same object each time. */
const loaded = new WeakMap<CertificateOptions, Identity>();

function identityOf(options: CertificateOptions): Identity {
  let identity = loaded.get(options);
  if (identity === undefined) {
    identity = identityOfContext(createSecureContext(options))!;
    loaded.set(options, identity);
  }
  return identity;
}

/** Identities of options, or of a context that was made here. Throws for others. */
export function identitiesFrom(given: CertificateOptions | SecureContext): readonly Identity[] {
  if (!isContext(given)) return identitiesOf(given);
  const identity = identityOfContext(given);
  if (identity === undefined) throw new ServeError("OPTION_INVALID", `a ${FOREIGN_CONTEXT}`);
  return [identity];
}

export function selectorOf(callback: SniCallback, log: (line: string) => void): SelectByName {
  let hasWarned = false;
  return (serverName, transport, done) => {
    let isDone = false;
    const finish: typeof done = (error, selected) => {
      if (isDone) return;
      isDone = true;
      done(error, selected);
    };
    try {
      callback(serverName, (error, given) => {
        try {
          if (error !== null && error !== undefined) finish(error);
          else if (given === null || given === undefined) finish(null);
          else if (!isContext(given)) finish(null, { identity: identityOf(given) });
          else {
            const identity = identityOfContext(given);
            if (identity === undefined && transport === "udp") {
              const why = `SNICallback called back with a ${FOREIGN_CONTEXT}`;
              if (!hasWarned) log(`nagare: HTTP/3 refuses clients for ${serverName}: ${why}`);
              hasWarned = true;
              finish(new ServeError("OPTION_INVALID", why));
            } else finish(null, { identity, context: given });
          }
        } catch (unusable) {
          log(`nagare: SNICallback's certificate for ${serverName} cannot be used: ${(unusable as Error).message}`);
          finish(unusable as Error);
        }
      });
    } catch (thrown) {
      log(`nagare: SNICallback threw for ${serverName}: ${thrown}`);
      finish(thrown as Error);
    }
  };
}

const FOREIGN_CONTEXT =
  "context of node:tls, whose key HTTP/3 cannot use: create it with createSecureContext of nagare/node";

/** Node's contexts have this undocumented member, by which tls.Server recognizes them too. */
const isContext = (given: SecureContext | CertificateOptions): given is SecureContext =>
  typeof (given as { readonly context?: unknown }).context === "object";
