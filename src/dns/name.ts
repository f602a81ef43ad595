/**
 * Domain names (RFC 1035 §3.1, §4.1.4). A name is text in presentation format, absolute, with a dot at its end; the root
 * is ".". Its case is kept; `nameKey` is for comparing (RFC 4343).
 */

import { WireError } from "../base/errors.ts";
import type { Reader } from "../wire/reader.ts";
import { utf8 } from "../wire/text.ts";
import type { Writer } from "../wire/writer.ts";
import { escapeText, unescapeAt } from "./character-string.ts";
import { PresentationError } from "./errors.ts";

export const ROOT = ".";

/** RFC 1035 §2.3.4: bytes of a name on the wire, its root included. */
export const MAX_NAME = 255;
const MAX_LABEL = 63;
/** More labels than fit into a name; ends chains of pointers that add none. */
const MAX_POINTERS = 127;
/** A pointer has 14 bits. */
const MAX_OFFSET = 0x3fff;
const DOT = 0x2e;
const BACKSLASH = 0x5c;

/** Other characters are printed as `\DDD`: not every program reads them in names. */
const labelText = (label: Uint8Array): string =>
  escapeText(label, (byte) => byte === DOT || byte === BACKSLASH).replace(
    /(\\.)|[^\w*/-]/g,
    (character, escaped?: string) => escaped ?? `\\${String(character.charCodeAt(0)).padStart(3, "0")}`,
  );

/** The name of these labels, without the root's. */
export const nameOf = (labels: readonly Uint8Array[]): string =>
  labels.length === 0 ? ROOT : labels.map((label) => `${labelText(label)}.`).join("");

/** The labels of a name, without the root's. Throws a `PresentationError` if it is not a name. */
export function labelsOf(name: string): Uint8Array[] {
  if (name === ROOT) return [];
  if (name === "") throw new PresentationError("the name is empty");
  const source = utf8(name);
  const labels: Uint8Array[] = [];
  let label: number[] = [];
  let length = 1;
  const end = (): void => {
    if (label.length === 0) throw new PresentationError(`${name}: a label is empty`);
    if (label.length > MAX_LABEL) throw new PresentationError(`${name}: a label is longer than 63 bytes`);
    length += 1 + label.length;
    if (length > MAX_NAME) throw new PresentationError(`${name}: the name is longer than 255 bytes`);
    labels.push(Uint8Array.from(label));
    label = [];
  };
  for (let at = 0; at < source.length; ) {
    if (source[at] === DOT) {
      end();
      at += 1;
      continue;
    }
    const [byte, next] = unescapeAt(source, at);
    label.push(byte);
    at = next;
  }
  if (label.length > 0) end();
  return labels;
}

/** A name as people write it, with or without the last dot, as an absolute one. */
export const parseName = (text: string): string => nameOf(labelsOf(text));

/** Appends an origin to a relative name; `@` is the origin itself (RFC 1035 §5.1). */
export function parseRelativeName(text: string, origin: string): string {
  if (text === "@") return origin;
  const isAbsolute = /(^|[^\\])(\\\\)*\.$/.test(text);
  return isAbsolute ? parseName(text) : parseName(origin === ROOT ? `${text}.` : `${text}.${origin}`);
}

/** Equal for names that differ only in the case of ASCII letters (RFC 4343). */
export const nameKey = (name: string): string => name.replace(/[A-Z]+/g, (letters) => letters.toLowerCase());

export const isSameName = (a: string, b: string): boolean => nameKey(a) === nameKey(b);

/** True if `name` is `ancestor`, or below it. */
export function isWithin(name: string, ancestor: string): boolean {
  if (ancestor === ROOT) return true;
  const labels = labelsOf(nameKey(name)).map(labelText);
  const above = labelsOf(nameKey(ancestor)).map(labelText);
  return above.length <= labels.length && above.every((label, i) => label === labels[labels.length - above.length + i]);
}

/** Reads a name; `isCompressible` allows pointers to earlier names of the message (RFC 1035 §4.1.4). */
export function readName(reader: Reader, isCompressible = true): string {
  const { bytes } = reader;
  const labels: Uint8Array[] = [];
  let length = 1;
  let pointers = 0;
  let at = reader.position;
  let end = reader.end;
  /** Pointers lead strictly backwards, so that no chain of them can be a loop. */
  let limit = at;
  for (;;) {
    const first = at < end ? bytes[at]! : undefined;
    if (first === undefined) throw new WireError("a name does not end", at);
    if (first === 0) {
      if (pointers === 0) reader.position = at + 1;
      return nameOf(labels);
    }
    if (first >= 0xc0) {
      const target = at + 1 < end ? ((first & 0x3f) << 8) | bytes[at + 1]! : undefined;
      if (target === undefined || !isCompressible) throw new WireError("a pointer is not allowed in this name", at);
      if (target >= limit || pointers === MAX_POINTERS) throw new WireError("a pointer does not lead backwards", at);
      if (pointers === 0) reader.position = at + 2;
      pointers += 1;
      limit = target;
      at = target;
      end = bytes.length;
      continue;
    }
    if (first > MAX_LABEL) throw new WireError("a label of an unknown type", at);
    if (at + 1 + first > end) throw new WireError("a label does not end", at);
    length += 1 + first;
    if (length > MAX_NAME) throw new WireError("a name is longer than 255 bytes", at);
    labels.push(bytes.subarray(at + 1, at + 1 + first));
    at += 1 + first;
  }
}

/** The positions of the names that a message has so far. */
export type NamePositions = Map<string, number>;

/** Writes a name, with pointers to earlier ones if `positions` are given (RFC 1035 §4.1.4). */
export function writeName(writer: Writer, name: string, positions?: NamePositions): void {
  const labels = labelsOf(name);
  for (const [index, label] of labels.entries()) {
    if (positions !== undefined) {
      const suffix = nameOf(labels.slice(index));
      const known = positions.get(suffix);
      if (known !== undefined) {
        writer.uint16(0xc000 | known);
        return;
      }
      if (writer.position <= MAX_OFFSET) positions.set(suffix, writer.position);
    }
    writer.uint8(label.length);
    writer.write(label);
  }
  writer.uint8(0);
}
