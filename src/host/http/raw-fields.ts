/** Fields in Node's and undici's format: one flat list of alternating names and values, as text or as bytes. */

import type { FieldLine } from "../../http/index.ts";

type Raw = readonly (Buffer | string)[] | null | undefined;

/** Returns the field lines with lowercase names, without pseudo-header fields. */
export function fieldsFromRaw(raw: Raw): FieldLine[] {
  return spelledFromRaw(raw).map(([name, value]) => [name.toLowerCase(), value]);
}

/** Returns the field lines with names in the peer's case, without pseudo-header fields. */
export function spelledFromRaw(raw: Raw): FieldLine[] {
  const fields: FieldLine[] = [];
  if (raw === null || raw === undefined) return fields;
  for (let i = 0; i + 1 < raw.length; i += 2) {
    const name = text(raw[i]!);
    if (name.charCodeAt(0) !== 0x3a) fields.push([name, text(raw[i + 1]!)]);
  }
  return fields;
}

const text = (value: Buffer | string): string => (typeof value === "string" ? value : value.toString("latin1"));
