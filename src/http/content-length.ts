/** How long a message says its content is (RFC 9110 §8.6). */

import type { FieldSection } from "./field-section.ts";

/** Why the field says nothing: it is no number, or it stands several times with values that differ. */
export type ContentLengthProblem = "not a number" | "values that differ";

/** `Content-Length = 1*DIGIT`; undefined when it is not that or too large to count. */
export function parseContentLength(value: string): number | undefined {
  if (!/^[0-9]{1,16}$/.test(value)) return undefined;
  const length = Number(value);
  return Number.isSafeInteger(length) ? length : undefined;
}

/** One value, or the same one again; undefined without the field. What a problem means is for the caller to say. */
export function contentLengthOf(fields: FieldSection): number | ContentLengthProblem | undefined {
  let length: number | undefined;
  for (const [name, value] of fields) {
    if (name !== "content-length") continue;
    const parsed = parseContentLength(value);
    if (parsed === undefined) return "not a number";
    if (length !== undefined && length !== parsed) return "values that differ";
    length = parsed;
  }
  return length;
}
