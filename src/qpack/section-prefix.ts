/**
 * The Required Insert Count as encoded in field sections (RFC 9204 §4.5.1.1): modulo twice the maximum number of
 * entries.
 */

/** The maximum number of entries of a table with this capacity: an empty line still counts 32 bytes. */
const maxEntries = (maxTableCapacity: number): number => Math.floor(maxTableCapacity / 32);

export const encodeInsertCount = (count: number, maxTableCapacity: number): number =>
  count === 0 ? 0 : (count % (2 * maxEntries(maxTableCapacity))) + 1;

/** Decodes the count, given the number of received insertions; undefined if it is invalid. */
export function decodeInsertCount(encoded: number, maxTableCapacity: number, inserted: number): number | undefined {
  if (encoded === 0) return 0;
  const entries = maxEntries(maxTableCapacity);
  const fullRange = 2 * entries;
  if (encoded > fullRange) return undefined;
  const maxValue = inserted + entries;
  const maxWrapped = Math.floor(maxValue / fullRange) * fullRange;
  let count = maxWrapped + encoded - 1;
  if (count > maxValue) {
    if (count <= fullRange) return undefined;
    count -= fullRange;
  }
  return count === 0 ? undefined : count;
}
