/** The findings of `nagare audit`: stable ids, each with its severity and what it is about. */

import type { HeaderFix } from "./facts.ts";

export type Severity = "error" | "warning" | "info";
export const SEVERITIES: readonly Severity[] = ["error", "warning", "info"];

export const FINDINGS = {
  "isolation/isolated": ["info", "the page is cross-origin isolated"],
  "isolation/not-isolated": ["info", "the page is not cross-origin isolated; says what it lacks"],
  "isolation/blocked": [
    "error",
    "a browser blocks a resource, frame or worker because of COEP, CORP or Document-Isolation-Policy",
  ],
  "isolation/would-block": ["info", "a browser would block it once the page is isolated as advised"],
  "isolation/connection-blocked": ["error", "the page's Connection-Allowlist does not let it load"],
  "isolation/ignored-header": ["warning", "browsers ignore a policy header, because its value is invalid"],
  "isolation/legacy-2019": ["warning", "a policy header has a value of the articles of 2019, which browsers ignore"],
  "isolation/report-endpoint": ["warning", "a policy reports to an endpoint that Reporting-Endpoints does not name"],
  "popups/severed": ["info", "popups, or pages that open this one, lose each other because of COOP"],
  "embedding/refused": ["warning", "the site of --as third-party-of cannot embed the page"],
  "cookies/refused": ["error", "browsers refuse a cookie that a response sets"],
  "cookies/not-third-party": ["info", "a cookie is not stored or sent when the page is embedded in another site"],
  "cookies/fate": ["info", "what becomes of a cookie in first-party and third-party use"],
  "cookies/warning": ["warning", "a cookie is stored, but not as written"],
  "site-data/clears": ["info", "a response clears data of its site (Clear-Site-Data)"],
  "site-data/ignored": ["warning", "browsers ignore a Clear-Site-Data, or some of it"],
  "site-data/undone": ["warning", "a response sets cookies that its own Clear-Site-Data deletes"],
  "http3/used": ["info", "the page is reachable over HTTP/3, and says so"],
  "http3/not-advertised": ["warning", "HTTP/3 works, but neither Alt-Svc nor an HTTPS record says so"],
  "http3/fails": ["warning", "HTTP/3 is advertised, but a connection fails"],
  "http3/missing": ["info", "there is no HTTP/3"],
  "tls/facts": ["info", "version, cipher and certificate chain"],
  "tls/untrusted": ["error", "the certificate is not trusted"],
  "tls/expires-soon": ["warning", "the certificate expires soon"],
  "tls/old-version": ["warning", "TLS 1.2 or older"],
  "http/plain": ["warning", "the page is served over http, or http does not redirect to https"],
  "hsts/missing": ["warning", "https without Strict-Transport-Security"],
  "hsts/short": ["info", "Strict-Transport-Security for less than half a year"],
  "load/failed": ["error", "a resource does not load"],
  "load/cors": ["error", "a browser refuses a resource, because its server does not allow the origin (CORS)"],
  "load/mixed": ["error", "an https page loads something over http"],
  "load/redirects": ["info", "a resource is reached over redirects"],
  "load/limits": ["info", "parts of the page were not looked at"],
  "compression/missing": ["warning", "text of more than 1,400 bytes is sent uncompressed"],
  "caching/no-policy": ["info", "a resource says neither how long it is fresh nor how to revalidate it"],
  "deprecation/deprecated": ["warning", "a response says that its resource is deprecated"],
  "deprecation/invalid": [
    "warning",
    "a response's Deprecation or Sunset has no valid date, or they contradict each other",
  ],
  "deprecation/sunset": ["warning", "a response says when its resource will be gone"],
  "priority/invalid": ["warning", "a Priority header is not a valid structured field"],
  "priority/clash": ["warning", "a Priority header puts what blocks the page behind what does not"],
} as const satisfies Record<string, readonly [Severity, string]>;

export type FindingId = keyof typeof FINDINGS;

export interface Finding {
  readonly id: FindingId;
  readonly severity: Severity;
  /** What it is about: the URL of a page, a resource or a server. */
  readonly url: string;
  /** One sentence. */
  readonly message: string;
  /** What was seen. */
  readonly evidence: Readonly<Record<string, unknown>>;
  /** What to do about it; undefined if there is nothing to do. */
  readonly fix?: string;
  /** The header lines of the fix. */
  readonly headers?: readonly HeaderFix[];
}

export function finding(
  id: FindingId,
  url: string,
  message: string,
  evidence: Finding["evidence"] = {},
  fix?: string,
  headers: readonly HeaderFix[] = [],
): Finding {
  const [severity] = FINDINGS[id];
  return {
    id,
    severity,
    url,
    message,
    evidence,
    ...(fix !== undefined && { fix }),
    ...(headers.length > 0 && { headers }),
  };
}

/** An advice: the headers to send, in words. */
export const sendText = (headers: readonly HeaderFix[]): string =>
  `send ${headers.map(({ header, value }) => `${header}: ${value}`).join(" and ")}`;

export const fieldOf = (fields: readonly (readonly [string, string])[], name: string): string | undefined => {
  const lines = fields.filter(([each]) => each.toLowerCase() === name).map(([, value]) => value);
  return lines.length === 0 ? undefined : lines.join(", ");
};
