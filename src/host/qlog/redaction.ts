/** Removes from fields what gives access to an account (draft-ietf-quic-qlog-main-schema §11), unless asked to keep it. */

const SECRET_FIELDS = new Set([
  "authorization",
  "proxy-authorization",
  "cookie",
  "set-cookie",
  "x-api-key",
  "x-auth-token",
]);

/** Their values are URLs, or contain them. */
const URL_FIELDS = new Set([":path", "location", "content-location", "referer", "link", "refresh"]);

const QUERY_OR_FRAGMENT = /([?#])[^\s"'<>,]+/g;

export const REDACTED = "[redacted]";

/** The value to write. Names are lowercase. */
export function redacted(name: string, value: string): string {
  if (SECRET_FIELDS.has(name)) return REDACTED;
  if (URL_FIELDS.has(name)) return value.replace(QUERY_OR_FRAGMENT, `$1${REDACTED}`);
  return value;
}
