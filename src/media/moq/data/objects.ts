/** Objects: their status, and their properties as they are written everywhere. */

import type { Reader } from "../../../wire/reader.ts";
import type { ByteWriter } from "../byte-writer.ts";
import { readWhole, violation } from "../errors.ts";
import type { Dialect } from "../fields.ts";
import { readKeyValues, writeKeyValues } from "../key-values.ts";
import type { KeyValue } from "../model.ts";

/** What an object without a payload says (§11.2.1.1 of draft 18). */
export type ObjectStatus = "normal" | "does-not-exist" | "end-of-group" | "end-of-track";

const STATUSES: Readonly<Record<ObjectStatus, number>> = {
  normal: 0,
  /** Up to draft 14. */
  "does-not-exist": 1,
  "end-of-group": 3,
  "end-of-track": 4,
};

/** Bytes of an object's properties. */
export const MAX_PROPERTIES = 65_535;

export function readStatus(reader: Reader, dialect: Dialect, where: string): ObjectStatus {
  const value = dialect.number(reader);
  for (const status of Object.keys(STATUSES) as ObjectStatus[]) {
    const isKnown = status !== "does-not-exist" || dialect.has("hasInlineParameters");
    if (STATUSES[status] === value && isKnown) return status;
  }
  throw violation(where, `an object status of ${value}`);
}

export const writeStatus = (writer: ByteWriter, status: ObjectStatus): void => writer.integer(STATUSES[status]);

/** Their length in bytes, and then the pairs. */
export function readProperties(reader: Reader, dialect: Dialect, where: string): KeyValue[] {
  const length = dialect.number(reader);
  if (length > MAX_PROPERTIES) throw violation(where, `properties of ${length} bytes`);
  const inner = reader.sub(length);
  // They are all there: what ends early in them is malformed, and more bytes would not help.
  return readWhole(where, () => readKeyValues(inner, dialect, where));
}

export const writeProperties = (writer: ByteWriter, properties: readonly KeyValue[], dialect: Dialect): void =>
  writer.measured((inner) => writeKeyValues(inner, properties, dialect));

export const plus = (a: number, b: number, where: string): number => {
  if (a + b > Number.MAX_SAFE_INTEGER) throw violation(where, "a number above 2^53-1");
  return a + b;
};
