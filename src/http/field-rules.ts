/** Which names and values may be (RFC 9110 §5.1, §5.5), with what HTTP/2 and HTTP/3 add: lowercase, nothing about the connection. */

/** RFC 9110 §5.6.2, without capitals: in HTTP/3 a name with a capital is malformed (RFC 9114 §4.2). */
const LOWERCASE_TOKEN = /^[!#$%&'*+\-.^_`|~0-9a-z]+$/;
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;

/**
 * RFC 9110 §5.5: visible characters, obs-text, and SP or HTAB between them. CR, LF and NUL would let a value become two
 * lines somewhere behind us.
 */
const NOT_IN_VALUE = /[^\t\x20-\x7e\x80-\xff]/;
const isSpace = (code: number): boolean => code === 0x20 || code === 0x09;

/**
 * RFC 9114 §4.2, RFC 9113 §8.2.2: these describe one HTTP/1.1 connection and have no place in HTTP/2 and HTTP/3.
 * `te` has a rule of its own: it may only say "trailers".
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
/** Whether HTTP/2 and HTTP/3 forbid a line that HTTP/1.1 may have. */
export const isHttp1Only = (name: string, value: string): boolean =>
  isConnectionSpecific(name) || (name === "te" && value !== "trailers");
