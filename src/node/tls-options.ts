/** Options of https.createServer about TLS, besides certificates. They apply to HTTP/1.1 and HTTP/2. */
import { CONTEXT_OPTIONS, type ContextOptions } from "../host/certificates/secure-context.ts";
import type { HttpVersion } from "../host/http/exchange.ts";
import type { TlsOptions } from "../host/http/listener.ts";
import { ServeError } from "../host/listen/errors.ts";

export interface ClientCertificateOptions extends ContextOptions {
  /** Asks clients for a certificate. This disables HTTP/3, where the server cannot ask. */
  readonly requestCert?: boolean;
  /** False to accept clients without a valid certificate, which then have `req.socket.authorized` false. */
  readonly rejectUnauthorized?: boolean;
}

/** Throws a `ServeError` if HTTP/3 was requested with client certificates. */
export function tlsOptionsOf(
  options: ClientCertificateOptions & { readonly protocols?: readonly HttpVersion[] },
): TlsOptions {
  const { requestCert = false, rejectUnauthorized = true, protocols } = options;
  if (requestCert && protocols?.includes("h3")) {
    const message = 'requestCert works only for TLS over TCP: leave "h3" out of protocols';
    throw new ServeError("OPTION_INVALID", message);
  }
  const given = CONTEXT_OPTIONS.filter((name) => options[name] !== undefined).map((name) => [name, options[name]]);
  return { context: Object.fromEntries(given) as ContextOptions, requestCert, rejectUnauthorized };
}
