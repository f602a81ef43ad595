/** The Range field (RFC 9110 §14.2). The obvious library wrongly treats a long suffix range as unsatisfiable. */

export interface ByteRange {
  readonly start: number;
  /** Inclusive, as in the field value. */
  readonly end: number;
}

/** A field with more ranges is ignored: it would cause work out of proportion to the request (RFC 9110 §17.15). */
const MAX_RANGES = 32;

/**
 * The requested ranges of a representation, in the field's order, with overlapping and adjacent ones coalesced. Returns
 * undefined if the field must be ignored, and an empty list if no range can be satisfied (416).
 */
export function parseRange(field: string, size: number): readonly ByteRange[] | undefined {
  const unit = /^bytes=/i.exec(field);
  if (unit === null) return undefined; // RFC 9110 §14.2: an unknown unit
  const specs = field.slice(unit[0].length).split(",");
  if (specs.length > MAX_RANGES) return undefined;
  const ranges: ByteRange[] = [];
  for (const spec of specs) {
    const match = /^[ \t]*(?:(\d+)-(\d*)|-(\d+))[ \t]*$/.exec(spec);
    if (match === null) return undefined; // malformed
    const [, first, last, suffix] = match;
    if (suffix !== undefined) {
      // RFC 9110 §14.1.2: if the representation is shorter, all of it.
      const start = Math.max(0, size - Number(suffix));
      if (start < size) ranges.push({ start, end: size - 1 });
      continue;
    }
    const start = Number(first);
    const end = last === "" ? size - 1 : Number(last);
    if (last !== "" && end < start) return undefined; // RFC 9110 §14.1.1: invalid
    if (start < size) ranges.push({ start, end: Math.min(end, size - 1) });
  }
  return coalesce(ranges);
}

function coalesce(ranges: readonly ByteRange[]): ByteRange[] {
  const merged: ByteRange[] = [];
  for (const range of ranges) {
    let { start, end } = range;
    for (let i = merged.length - 1; i >= 0; i--) {
      const other = merged[i]!;
      if (start > other.end + 1 || other.start > end + 1) continue;
      start = Math.min(start, other.start);
      end = Math.max(end, other.end);
      merged.splice(i, 1);
    }
    merged.push({ start, end });
  }
  return merged;
}
