/** What every version asks of a request's authority and target before anybody sees it (RFC 9110 §4.2, RFC 9112 §3.2). */

/** uri-host [ ":" port ] (RFC 9110 §7.2), without userinfo (RFC 9110 §4.2.4). */
const AUTHORITY = /^(?:\[[0-9A-Za-z:.]+\]|[A-Za-z0-9\-._~!$&'()*+,;=%]*)(?::[0-9]*)?$/;

export const isAuthority = (value: string): boolean => AUTHORITY.test(value);

/** Whether a request target in origin-form or asterisk-form is legal for the method. */
export function isPath(method: string, path: string): boolean {
  return path.charCodeAt(0) === 0x2f || (path === "*" && method === "OPTIONS");
}

/** The authority and path of a request target in absolute-form (RFC 9112 §3.2.2), or undefined if it is not one. */
export function parseAbsoluteForm(target: string): { authority: string; path: string } | undefined {
  const match = /^https?:\/\/([^/?#]*)([^#]*)$/i.exec(target);
  if (match === null) return undefined;
  const rest = match[2]!;
  return { authority: match[1]!, path: rest.startsWith("/") ? rest : `/${rest}` };
}
