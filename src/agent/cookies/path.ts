/** Paths and domains of cookies (RFC 6265bis §5.1.3 and §5.1.4). */

/** The path of a cookie that names none. */
export function defaultPath(requestPath: string): string {
  const last = requestPath.lastIndexOf("/");
  return last <= 0 || !requestPath.startsWith("/") ? "/" : requestPath.slice(0, last);
}

export function pathMatches(requestPath: string, cookiePath: string): boolean {
  if (!requestPath.startsWith(cookiePath)) return false;
  return requestPath.length === cookiePath.length || cookiePath.endsWith("/") || requestPath[cookiePath.length] === "/";
}

/** True if `host` is `domain` or below it. Both are lower-case; an IP address is below nothing. */
export function domainMatches(host: string, domain: string): boolean {
  if (host === domain) return true;
  return (
    host.length > domain.length && host.endsWith(domain) && host[host.length - domain.length - 1] === "." && !isIp(host)
  );
}

/** As URLs write hosts: a last label of digits makes an IPv4 address, brackets an IPv6 address. */
export const isIp = (host: string): boolean => host.startsWith("[") || /(?:^|\.)\d+$/.test(host);
