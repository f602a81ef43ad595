/**
 * The fields of resumable uploads, which are structured fields (RFC 9651): a field that is malformed or of another type is
 * treated as absent.
 */

import { type BareItem, isInnerList, parseDictionary, parseItem } from "structured-headers";
import { combinedFieldValue, type FieldSection } from "../field-section.ts";

/** The bare item of a field; undefined if the field is absent or malformed. Parameters have no meaning here. */
function bareItem(fields: FieldSection, name: string): BareItem | undefined {
  const value = combinedFieldValue(fields, name);
  if (value === undefined || value.length > MAX_VALUE) return undefined;
  try {
    return parseItem(value)[0];
  } catch {
    return undefined;
  }
}

/** Longer values are no integers, flags or tokens. Bounds the work on what a peer sends. */
const MAX_VALUE = 4_096;

/** A number of bytes. Undefined too if it is negative or has a fraction. */
export function byteCountField(fields: FieldSection, name: string): number | undefined {
  const value = bareItem(fields, name);
  return typeof value === "number" && Number.isInteger(value) && value >= 0 && !isDecimal(fields, name)
    ? value
    : undefined;
}

/** RFC 9651 §3.3.2: "1.0" is a Decimal, which the parser returns as the same number as the Integer. */
const isDecimal = (fields: FieldSection, name: string): boolean =>
  /^\s*-?\d+\./.test(combinedFieldValue(fields, name) ?? "");

export function flagField(fields: FieldSection, name: string): boolean | undefined {
  const value = bareItem(fields, name);
  return typeof value === "boolean" ? value : undefined;
}

export function bytesField(fields: FieldSection, name: string): Uint8Array | undefined {
  const value = bareItem(fields, name);
  return value instanceof ArrayBuffer ? new Uint8Array(value) : undefined;
}

/**
 * The members of a Dictionary that are single items; undefined if the field is absent or malformed. The parser's own type of items
 * needs the types of browsers, which programs for Node lack.
 */
export function dictionaryField(fields: FieldSection, name: string): ReadonlyMap<string, unknown> | undefined {
  const value = combinedFieldValue(fields, name);
  if (value === undefined || value.length > MAX_VALUE) return undefined;
  try {
    const members: [string, unknown][] = [];
    for (const [key, member] of parseDictionary(value)) if (!isInnerList(member)) members.push([key, member[0]]);
    return new Map(members);
  } catch {
    return undefined;
  }
}

/** Base64 (RFC 4648 §4); undefined if the text is malformed. */
export function decodeBase64(text: string): Uint8Array | undefined {
  if (!/^[A-Za-z0-9+/]*={0,2}$/.test(text)) return undefined;
  try {
    const [value] = parseItem(`:${text}:`);
    return value instanceof ArrayBuffer ? new Uint8Array(value) : undefined;
  } catch {
    return undefined;
  }
}
