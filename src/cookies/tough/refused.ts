// The error of a cookie that a browser would refuse.
import { REASONS, type Reason, registrableDomain } from "../../agent/cookies/index.ts";
import type { Cookie } from "./cookie.ts";
import { hostOf } from "./helpers.ts";

/** A browser would refuse the cookie. The messages are tough-cookie's, where it has one. */
export class CookieRefused extends Error {
  readonly reasons: readonly Reason[];

  constructor(cookie: Cookie, reasons: readonly Reason[], host: string) {
    super(reasons.map((each) => messageOf(each, cookie, host)).join("; "));
    this.reasons = reasons;
  }
}

function messageOf(reason: Reason, cookie: Cookie, host: string): string {
  if (reason === "HttpOnly") return "Cookie is HttpOnly and this isn't an HTTP API";
  if (reason === "OverwriteHttpOnly") return "old Cookie is HttpOnly and this isn't an HTTP API";
  if (reason === "InvalidPrefix") {
    return /^__host-/i.test(cookie.key)
      ? "Cookie has __Host prefix but either Secure or HostOnly attribute is not set or Path is not '/'"
      : "Cookie has __Secure prefix but Secure attribute is not set";
  }
  if (reason.startsWith("SameSite") && reason !== "SameSiteNoneInsecure")
    return "Cookie is SameSite but this is a cross-origin request";
  if (reason !== "InvalidDomain") return REASONS[reason];
  return registrableDomain(hostOf(cookie.domain)) === undefined
    ? "Cookie has domain set to a public suffix"
    : `Cookie not in this host's domain. Cookie:${cookie.cdomain() ?? "null"} Request:${host}`;
}
