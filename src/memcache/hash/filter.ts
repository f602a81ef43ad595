/**
 * Key filters: which part of a key decides its backend. The key that is sent stays whole.
 * `tags` with two characters hashes the text between them; `stop` hashes what precedes a string.
 */

/** The range of the key to hash, as offsets into the buffer. */
export interface KeyRange {
  start: number;
  end: number;
}

/** Narrows `range`, which holds the whole key when it is called. */
export type KeyFilter = (bytes: Uint8Array, range: KeyRange) => void;

export function tagFilter(open: number, close: number): KeyFilter {
  return (bytes, range) => {
    const first = indexOf(bytes, open, range.start, range.end);
    if (first < 0) return;
    const last = indexOf(bytes, close, first + 1, range.end);
    if (last < 0) return;
    range.start = first + 1;
    range.end = last;
  };
}

export function stopFilter(stop: Uint8Array): KeyFilter {
  return (bytes, range) => {
    const at = find(bytes, stop, range.start, range.end);
    if (at >= 0) range.end = at;
  };
}

export function indexOf(bytes: Uint8Array, byte: number, start: number, end: number): number {
  for (let i = start; i < end; i += 1) if (bytes[i] === byte) return i;
  return -1;
}

/** The first place of `text`, which is not empty, in `bytes[start..end)`. */
export function find(bytes: Uint8Array, text: Uint8Array, start: number, end: number): number {
  for (let at = start; at + text.length <= end; at += 1) {
    let i = 0;
    while (i < text.length && bytes[at + i] === text[i]) i += 1;
    if (i === text.length) return at;
  }
  return -1;
}
