/** How long a message says its content is (RFC 9110 §8.6). */

import { type FieldLine, type FieldSection, fieldValue } from "./field-section.ts";

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

/** Whether a response never has content, whatever its content-length says (RFC 9110 §6.4.1). */
export const hasNoContent = (method: string, status: number): boolean =>
  method === "HEAD" || status === 204 || status === 304;

/** RFC 9110 §8.6: the fields of a response that ends with its head, which says that there is nothing behind it. */
export function withEmptyLength(method: string, status: number, fields: FieldSection): FieldSection {
  if (hasNoContent(method, status) || fieldValue(fields, "content-length") !== undefined) return fields;
  return [...fields, EMPTY_LENGTH];
}

const EMPTY_LENGTH: FieldLine = ["content-length", "0"];
