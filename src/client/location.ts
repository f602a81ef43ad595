// The target of a redirect (RFC 9110 §10.2.2), interpreted like browsers and curl.
import type { Field } from "../host/client/session.ts";

/**
 * Returns a reference for a URL parser. Like browsers, percent-encodes non-ASCII bytes as they are, so that UTF-8 stays
 * UTF-8. Of several lines the first counts, even if they were combined into one.
 */
export function redirectTarget(fields: readonly Field[]): string | undefined {
  const value = fields.find(([name]) => name.toLowerCase() === "location")?.[1];
  if (value === undefined) return undefined;
  const half = (value.length - 2) / 2;
  const isDoubled = half > 0 && value === `${value.slice(0, half)}, ${value.slice(0, half)}`;
  const location = isDoubled ? value.slice(0, half) : value;
  return location.replace(/[\x80-\xff]/g, (byte) => `%${byte.charCodeAt(0).toString(16).toUpperCase()}`);
}
