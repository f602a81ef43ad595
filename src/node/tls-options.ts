/** Options of https.createServer about TLS, besides certificates. Those for client certificates apply to every version. */
import { CONTEXT_OPTIONS, type ContextOptions } from "../host/certificates/secure-context.ts";
import type { HttpVersion } from "../host/http/exchange.ts";
import type { TlsOptions } from "../host/http/listener.ts";
import { ServeError } from "../host/listen/errors.ts";

export interface ClientCertificateOptions extends ContextOptions {
  /** Asks clients for a certificate. Together with `crl` or `SNICallback`, this disables HTTP/3, which has neither for clients. */
  readonly requestCert?: boolean;
  /** False to accept clients without a valid certificate, which then have `req.socket.authorized` false. */
  readonly rejectUnauthorized?: boolean;
}

interface ServerTlsOptions extends ClientCertificateOptions {
  readonly protocols?: readonly HttpVersion[];
  readonly SNICallback?: unknown;
}

/**
 * The option that, with `requestCert`, only TLS over TCP has. A context from `SNICallback` may have authorities of its own, which
 * would not be known over HTTP/3.
 */
export const clientOptionOfTcp = ({ requestCert, crl, SNICallback }: ServerTlsOptions): string | undefined => {
  if (requestCert !== true) return undefined;
  if (crl !== undefined) return "crl";
  return SNICallback === undefined ? undefined : "SNICallback";
};

/** Throws a `ServeError` if HTTP/3 was requested with client certificates and an option that it does not have. */
export function tlsOptionsOf(options: ServerTlsOptions): TlsOptions {
  const { requestCert = false, rejectUnauthorized = true, protocols } = options;
  const unsupported = clientOptionOfTcp(options);
  if (unsupported !== undefined && protocols?.includes("h3")) {
    const message = `requestCert with ${unsupported} works only for TLS over TCP: leave "h3" out of protocols`;
    throw new ServeError("OPTION_INVALID", message);
  }
  const given = CONTEXT_OPTIONS.filter((name) => options[name] !== undefined).map((name) => [name, options[name]]);
  return { context: Object.fromEntries(given) as ContextOptions, requestCert, rejectUnauthorized };
}
