/** Lists of key-value pairs (§1.4.3): properties of tracks and objects, setup options. Even types have a number, odd ones bytes. */

import type { Reader } from "../../wire/reader.ts";
import { type VarInt, wideInt } from "../../wire/varint.ts";
import type { ByteWriter } from "./byte-writer.ts";
import { moqError, SESSION_ERRORS, violation } from "./errors.ts";
import type { Dialect } from "./fields.ts";
import type { KeyValue } from "./model.ts";

export const MAX_VALUE = 65_535;

const HALF = 0x1_0000_0000;

const isOdd = (type: VarInt): boolean => (low(type) & 1) === 1;

/** Types in the order in which they come: absolute, or as differences. */
export class TypeSequence {
  readonly #dialect: Dialect;
  #last: VarInt = 0;
  #isFirst = true;

  constructor(dialect: Dialect) {
    this.#dialect = dialect;
  }

  read(reader: Reader, where: string): VarInt {
    const read = this.#dialect.integer(reader);
    if (this.#dialect.has("hasAbsoluteTypes")) return read;
    return (this.#last = sum(this.#last, read, where));
  }

  write(writer: ByteWriter, type: VarInt): void {
    if (this.#dialect.has("hasAbsoluteTypes")) {
      writer.integer(type);
      return;
    }
    if (!this.#isFirst && compareTypes(type, this.#last) < 0) throw new RangeError("types must not descend");
    this.#isFirst = false;
    writer.integer(difference(type, this.#last));
    this.#last = type;
  }
}

/** Reads pairs up to the end of `reader`. */
export function readKeyValues(
  reader: Reader,
  dialect: Dialect,
  where: string,
  count = Number.MAX_SAFE_INTEGER,
): KeyValue[] {
  const types = new TypeSequence(dialect);
  const pairs: KeyValue[] = [];
  while (!reader.isAtEnd && pairs.length < count) {
    const type = types.read(reader, where);
    pairs.push({ type, value: isOdd(type) ? readBytes(reader, dialect, where) : dialect.integer(reader) });
  }
  return pairs;
}

function readBytes(reader: Reader, dialect: Dialect, where: string): Uint8Array {
  const length = dialect.number(reader);
  if (length > MAX_VALUE) throw violation(where, `a value of ${length} bytes`);
  return reader.copy(length);
}

/** `pairs` are in ascending order of types, unless types are absolute. */
export function writeKeyValues(writer: ByteWriter, pairs: readonly KeyValue[], dialect: Dialect): void {
  const types = new TypeSequence(dialect);
  for (const { type, value } of pairs) {
    types.write(writer, type);
    if (value instanceof Uint8Array) writer.prefixed(value);
    else writer.integer(value);
    if (isOdd(type) !== value instanceof Uint8Array) throw new RangeError("odd types have bytes, even types numbers");
  }
}

export const compareTypes = (a: VarInt, b: VarInt): number => high(a) - high(b) || low(a) - low(b);

const high = (value: VarInt): number => (typeof value === "object" ? value.high : Math.floor(value / HALF));
const low = (value: VarInt): number => (typeof value === "object" ? value.low : value % HALF);

function sum(a: VarInt, b: VarInt, where: string): VarInt {
  if (typeof a === "number" && typeof b === "number" && a + b <= Number.MAX_SAFE_INTEGER) return a + b;
  const lowSum = low(a) + low(b);
  const highSum = high(a) + high(b) + (lowSum >= HALF ? 1 : 0);
  if (highSum >= HALF) throw moqError(SESSION_ERRORS.PROTOCOL_VIOLATION, where, "a type above 2^64-1");
  return joined(highSum, lowSum % HALF);
}

/** Of two types in ascending order. */
function difference(a: VarInt, b: VarInt): VarInt {
  if (typeof a === "number" && typeof b === "number") return a - b;
  const borrow = low(a) < low(b) ? 1 : 0;
  return joined(high(a) - high(b) - borrow, low(a) - low(b) + borrow * HALF);
}

const joined = (highHalf: number, lowHalf: number): VarInt =>
  highHalf < 0x20_0000 ? highHalf * HALF + lowHalf : wideInt(highHalf, lowHalf);
