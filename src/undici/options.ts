// undici's dispatch options, with undici's checks.
import { invalid, isToken } from "./fields.ts";

/** The options of one dispatch. Callers are untyped, and of any version of undici. */
export interface DispatchOptions {
  readonly origin?: string | URL | undefined;
  readonly path: string;
  readonly method: string;
  readonly headers?: unknown;
  readonly body?: unknown;
  readonly query?: Record<string, unknown> | undefined;
  readonly idempotent?: boolean | undefined;
  /** The protocol to switch to. */
  readonly upgrade?: string | null | undefined;
  readonly headersTimeout?: number | null | undefined;
  readonly bodyTimeout?: number | null | undefined;
  readonly reset?: boolean | null | undefined;
  readonly expectContinue?: boolean | null | undefined;
  readonly servername?: string | null | undefined;
  readonly throwOnError?: unknown;
  readonly maxRedirections?: number | null | undefined;
}

const PATH = /^[\x21-\xff]*$/;

export function originOf(origin: DispatchOptions["origin"]): URL {
  if (!(typeof origin === "string" && origin !== "") && !(origin instanceof URL)) {
    throw invalid("opts.origin must be a non-empty string or URL.");
  }
  const url = URL.canParse(String(origin)) ? new URL(origin) : undefined;
  if (url === undefined || (url.protocol !== "https:" && url.protocol !== "http:")) {
    throw invalid("Invalid URL protocol: the URL must start with `http:` or `https:`.");
  }
  if (url.pathname !== "/" || url.search !== "" || url.hash !== "") throw invalid("invalid url");
  return url;
}

/** Throws undici's error for options that it does not accept. */
export function checkOptions(options: DispatchOptions): void {
  const { path, method, headersTimeout, bodyTimeout, reset, expectContinue, upgrade, throwOnError, maxRedirections } =
    options;
  if (typeof path !== "string") throw invalid("path must be a string");
  if (!/^(?:\/|https?:\/\/)/.test(path) && method !== "CONNECT")
    throw invalid("path must be an absolute URL or start with a slash");
  if (!PATH.test(path)) throw invalid("invalid request path");
  if (typeof method !== "string") throw invalid("method must be a string");
  if (!isToken(method)) throw invalid("invalid request method");
  for (const [name, value] of Object.entries({ headersTimeout, bodyTimeout })) {
    if (value != null && (!Number.isFinite(value) || value < 0)) throw invalid(`invalid ${name}`);
  }
  for (const [name, value] of Object.entries({ reset, expectContinue })) {
    if (value != null && typeof value !== "boolean") throw invalid(`invalid ${name}`);
  }
  if (upgrade && typeof upgrade !== "string") throw invalid("upgrade must be a string");
  if (throwOnError != null) throw invalid("invalid throwOnError");
  if (maxRedirections != null && maxRedirections !== 0) {
    throw invalid("maxRedirections is not supported, use the redirect interceptor");
  }
}
