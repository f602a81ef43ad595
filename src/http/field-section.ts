/**
 * The representation of fields in the whole project (RFC 9110 §5): a list of names and values in the order received,
 * because order and repetition matter. Names are lowercase; one character of a value is one byte (0x00-0xff).
 */

export type FieldLine = readonly [name: string, value: string];
export type FieldSection = readonly FieldLine[];

/** Bytes that a line counts in addition to its name and value (RFC 9114 §4.2.2, RFC 9204 §3.2.1). */
export const FIELD_LINE_OVERHEAD = 32;

export const fieldLineSize = (name: string, value: string): number => name.length + value.length + FIELD_LINE_OVERHEAD;

/** The size of a field section for limits (RFC 9114 §4.2.2). */
export function fieldSectionSize(fields: FieldSection): number {
  let size = 0;
  for (const [name, value] of fields) size += name.length + value.length + FIELD_LINE_OVERHEAD;
  return size;
}

/** The first value of a field, or undefined. */
export function fieldValue(fields: FieldSection, name: string): string | undefined {
  for (const line of fields) if (line[0] === name) return line[1];
  return undefined;
}

/** All values of a list-based field, combined (RFC 9110 §5.3), or undefined. */
export function combinedFieldValue(fields: FieldSection, name: string): string | undefined {
  let combined: string | undefined;
  for (const line of fields) {
    if (line[0] === name) combined = combined === undefined ? line[1] : `${combined}, ${line[1]}`;
  }
  return combined;
}
