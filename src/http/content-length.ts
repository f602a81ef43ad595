/** The Content-Length field (RFC 9110 §8.6). */

import { type FieldLine, type FieldSection, fieldValue } from "./field-section.ts";

/** Why the field is invalid. */
export type ContentLengthProblem = "not a number" | "conflicting values";

/** `Content-Length = 1*DIGIT`; undefined if the value is anything else, or above 2^53-1. */
export function parseContentLength(value: string): number | undefined {
  if (!/^[0-9]{1,16}$/.test(value)) return undefined;
  const length = Number(value);
  return Number.isSafeInteger(length) ? length : undefined;
}

/** Returns the length, which may be repeated with the same value; undefined without the field. */
export function contentLengthOf(fields: FieldSection): number | ContentLengthProblem | undefined {
  let length: number | undefined;
  for (const [name, value] of fields) {
    if (name !== "content-length") continue;
    const parsed = parseContentLength(value);
    if (parsed === undefined) return "not a number";
    if (length !== undefined && length !== parsed) return "conflicting values";
    length = parsed;
  }
  return length;
}

/** True if a response never has content, whatever its content-length (RFC 9110 §6.4.1). */
export const hasNoContent = (method: string, status: number): boolean =>
  method === "HEAD" || status === 204 || status === 304;

/** True for statuses whose responses have no content and no length other than 0 (RFC 9110 §8.6, §15.3.6). */
export const isWithoutLength = (status: number): boolean => status === 204 || status === 205;

/** Adds `content-length: 0` to a response that ends with its head, if it needs one (RFC 9110 §8.6). */
export function withEmptyLength(method: string, status: number, fields: FieldSection): FieldSection {
  if (hasNoContent(method, status) || fieldValue(fields, "content-length") !== undefined) return fields;
  return [...fields, EMPTY_LENGTH];
}

const EMPTY_LENGTH: FieldLine = ["content-length", "0"];
