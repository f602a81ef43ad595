// Where a redirect points (RFC 9110 §10.2.2), read as browsers and curl read it.
import type { Field } from "../host/client/session.ts";

/**
 * A reference as a URL parser takes it: fields are bytes, and those that are not ASCII are escaped as they stand, as
 * browsers do, so that UTF-8 stays UTF-8. Of several lines the first counts, also where they were combined to one.
 */
export function redirectTarget(fields: readonly Field[]): string | undefined {
  const value = fields.find(([name]) => name.toLowerCase() === "location")?.[1];
  if (value === undefined) return undefined;
  const half = (value.length - 2) / 2;
  const isDoubled = half > 0 && value === `${value.slice(0, half)}, ${value.slice(0, half)}`;
  const location = isDoubled ? value.slice(0, half) : value;
  return location.replace(/[\x80-\xff]/g, (byte) => `%${byte.charCodeAt(0).toString(16).toUpperCase()}`);
}
