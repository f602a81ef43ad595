/** The Range field (RFC 9110 §14.2). The library we would have used calls a long suffix range unsatisfiable. */

export interface ByteRange {
  readonly start: number;
  /** Inclusive, as in the field. */
  readonly end: number;
}

/** More parts than this make work out of all proportion to the request (RFC 9110 §17.15): the field is ignored. */
const MAX_RANGES = 32;

/**
 * The ranges of a representation that the field asks for, in its order, with those that overlap or touch made one;
 * undefined if the field is to be ignored; an empty list if nothing of it can be satisfied (416).
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
      // RFC 9110 §14.1.2: of a shorter representation, all of it.
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
