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

/** RFC 9114 §4.2: these speak about one HTTP/1.1 connection and mean nothing here. `te` has its own rule. */
const CONNECTION_SPECIFIC: ReadonlySet<string> = new Set([
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
export const isConnectionSpecific = (name: string): boolean => CONNECTION_SPECIFIC.has(name);

/** `Content-Length = 1*DIGIT` (RFC 9110 §8.6); undefined when it is not that or too large to count. */
export function parseContentLength(value: string): number | undefined {
  if (!/^[0-9]{1,16}$/.test(value)) return undefined;
  const length = Number(value);
  return Number.isSafeInteger(length) ? length : undefined;
}
