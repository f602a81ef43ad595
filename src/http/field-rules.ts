/** Valid names and values (RFC 9110 §5.1, §5.5), and the rules of HTTP/2 and HTTP/3: lowercase, no connection-specific fields. */

/** RFC 9110 §5.6.2 without uppercase letters, which are malformed in HTTP/3 names (RFC 9114 §4.2). */
const LOWERCASE_TOKEN = /^[!#$%&'*+\-.^_`|~0-9a-z]+$/;
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;

/**
 * RFC 9110 §5.5: visible characters, obs-text, and SP or HTAB between them. CR, LF and NUL could split a value into two
 * lines at a later hop.
 */
const NOT_IN_VALUE = /[^\t\x20-\x7e\x80-\xff]/;
const isSpace = (code: number): boolean => code === 0x20 || code === 0x09;

/**
 * RFC 9114 §4.2, RFC 9113 §8.2.2: these describe one HTTP/1.1 connection and are forbidden in HTTP/2 and HTTP/3.
 * `te` has its own rule: its value must be "trailers".
 */
export const CONNECTION_SPECIFIC_FIELDS: ReadonlySet<string> = new Set([
  "connection",
  "keep-alive",
  "proxy-connection",
  "transfer-encoding",
  "upgrade",
]);

export const isToken = (text: string): boolean => TOKEN.test(text);
export const isFieldName = (name: string): boolean => LOWERCASE_TOKEN.test(name);
export const isFieldValue = (value: string): boolean =>
  value === "" ||
  (!isSpace(value.charCodeAt(0)) && !isSpace(value.charCodeAt(value.length - 1)) && !NOT_IN_VALUE.test(value));
export const isConnectionSpecific = (name: string): boolean => CONNECTION_SPECIFIC_FIELDS.has(name);
/** True if a line is allowed in HTTP/1.1 but forbidden in HTTP/2 and HTTP/3. */
export const isHttp1Only = (name: string, value: string): boolean =>
  isConnectionSpecific(name) || (name === "te" && value !== "trailers");
