/** Fields as Node and undici hand them over: one flat list of names and values in turn, as text or as bytes. */

import type { FieldLine } from "../../http/index.ts";

type Raw = readonly (Buffer | string)[] | null | undefined;

/** The field lines among them, with names in lower case; pseudo-header fields are left out. */
export function fieldsFromRaw(raw: Raw): FieldLine[] {
  return spelledFromRaw(raw).map(([name, value]) => [name.toLowerCase(), value]);
}

/** The same, with names as the peer spelled them. */
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
