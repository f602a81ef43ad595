/** Boxes in bytes that are complete (ISO/IEC 14496-12 §4.2). Nothing is copied; sizes are checked before anything is read. */

import { WireError } from "../../base/errors.ts";
import { Reader } from "../../wire/reader.ts";
import { fromLatin1 } from "../../wire/text.ts";
import { BmffError, type BmffErrorCode } from "./errors.ts";

export const BOX_HEADER = 8;
/** Children of one box. */
export const MAX_CHILDREN = 4_096;

export interface Box {
  /** Four characters, one for each byte. */
  readonly type: string;
  /** The whole box with its header. */
  readonly bytes: Uint8Array;
  /** Where the body begins in `bytes`. */
  readonly bodyStart: number;
  /** The boxes around it and its own type: `moov/trak`. */
  readonly path: string;
}

/** The boxes in `bytes` from `start` on. `path` names what contains them. Throws a `BmffError`. */
export function boxesIn(bytes: Uint8Array, start = 0, path = ""): Box[] {
  const boxes: Box[] = [];
  for (let at = start; at < bytes.length; ) {
    const box = boxAt(bytes, at, path);
    if (boxes.length === MAX_CHILDREN) throw new BmffError("BOX", box.path, `more than ${MAX_CHILDREN} boxes`);
    boxes.push(box);
    at += box.bytes.length;
  }
  return boxes;
}

function boxAt(bytes: Uint8Array, at: number, path: string): Box {
  const parent = path === "" ? "" : `${path}/`;
  const left = bytes.length - at;
  if (left < BOX_HEADER) throw new BmffError("BOX", path === "" ? "file" : path, `${left} bytes after the last box`);
  const reader = new Reader(bytes, at);
  let size = reader.uint32();
  const type = fromLatin1(bytes, at + 4, at + 8);
  let header = BOX_HEADER;
  if (size === 1 && left >= 16) {
    reader.skip(4);
    // Above 2^53-1 it is wrong, and larger than what is left.
    size = reader.uint32() * 0x1_0000_0000 + reader.uint32();
    header = 16;
  } else if (size === 0) {
    // §4.2: the box extends to the end.
    size = left;
  }
  if (size < header || size > left) {
    throw new BmffError("BOX", `${parent}${type}`, `a box of ${size} bytes where ${left} are left`);
  }
  return { type, bytes: bytes.subarray(at, at + size), bodyStart: header, path: `${parent}${type}` };
}

/** The boxes in the body of `box`, after `skip` bytes of fields. */
export const childrenOf = (box: Box, skip = 0): Box[] => boxesIn(box.bytes, box.bodyStart + skip, box.path);

export const findBox = (boxes: readonly Box[], type: string): Box | undefined => boxes.find((box) => box.type === type);

/** The child of that type, which has to be there. */
export function requireBox(parent: Box, boxes: readonly Box[], type: string, code: BmffErrorCode): Box {
  const found = findBox(boxes, type);
  if (found === undefined) throw new BmffError(code, parent.path, `no ${type} box`);
  return found;
}

export interface FullBox {
  readonly version: number;
  readonly flags: number;
  /** Stands after version and flags. */
  readonly reader: Reader;
}

/** Reads a box with `read`; what it cannot read is a `BmffError` with this code. */
export function readBox<T>(box: Box, code: BmffErrorCode, read: (reader: Reader) => T): T {
  try {
    return read(new Reader(box.bytes, box.bodyStart));
  } catch (error) {
    if (!(error instanceof WireError)) throw error;
    throw new BmffError(code, box.path, error.message, { cause: error });
  }
}

/** The same for a box that begins with a version and flags. */
export function readFullBox<T>(box: Box, code: BmffErrorCode, read: (full: FullBox) => T): T {
  return readBox(box, code, (reader) => read({ version: reader.uint8(), flags: reader.uint24(), reader }));
}

/** Throws a `WireError` above 2^53-1. */
export function readUint64(reader: Reader): number {
  const at = reader.position;
  const value = reader.uint32() * 0x1_0000_0000 + reader.uint32();
  if (value > Number.MAX_SAFE_INTEGER) throw new WireError("a number above 2^53-1", at);
  return value;
}

export const readInt32 = (reader: Reader): number => reader.uint32() | 0;
