/** Proxy-Status (RFC 9209) for requests that a UDP proxy refuses. */

/** Error types of RFC 9209 §2.3, with the status that each recommends. */
export const PROXY_ERRORS = {
  dns_timeout: 504,
  dns_error: 502,
  destination_ip_prohibited: 502,
  destination_ip_unroutable: 502,
  connection_limit_reached: 503,
  http_request_error: 400,
  http_request_denied: 403,
  proxy_internal_error: 500,
} as const;

export type ProxyErrorType = keyof typeof PROXY_ERRORS;

export interface ProxyErrorDetails {
  /** For people (RFC 9209 §2.1.5). */
  readonly details?: string | undefined;
  /** The resolver's answer, such as NXDOMAIN (RFC 9209 §2.3.2). */
  readonly rcode?: string | undefined;
}

/** The value of `proxy-status`: a structured field (RFC 8941). `proxy` must be a token. */
export function proxyStatus(proxy: string, error: ProxyErrorType, { details, rcode }: ProxyErrorDetails = {}): string {
  let value = `${proxy}; error=${error}`;
  if (rcode !== undefined) value += `; rcode=${sfString(rcode)}`;
  if (details !== undefined) value += `; details=${sfString(details)}`;
  return value;
}

/** RFC 8941 §3.3.3: visible ASCII and spaces; the rest is left out. */
const sfString = (text: string): string => `"${text.replace(/[^\x20-\x7e]/g, "").replace(/[\\"]/g, "\\$&")}"`;
