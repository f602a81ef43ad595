/** The 512 bytes of a function's stack: which bytes are initialised, and which slots of 8 hold a known value. */

import { ANY, contains, ofSize, truncate } from "./scalar.ts";
import { covers, type IdPairs, scalarValue, type Value } from "./value.ts";

const SLOT = 8;
const ALL = 0xff;

interface Slot {
  /** One bit for each initialised byte. */
  readonly bytes: number;
  /** What a store of 8 aligned bytes left, if nothing else changed it. */
  readonly value: Value | undefined;
}

const EMPTY: Slot = { bytes: 0, value: undefined };

/** Offsets are from the frame pointer, -512 to -1. Only slots from the lowest that was ever written are kept. */
export class Stack {
  #slots: Slot[];

  constructor(slots: readonly Slot[] = []) {
    this.#slots = [...slots];
  }

  clone(): Stack {
    return new Stack(this.#slots);
  }

  /** Slots count from the frame pointer downwards. */
  #slot(index: number): Slot {
    return this.#slots[index] ?? EMPTY;
  }

  #set(index: number, slot: Slot): void {
    while (this.#slots.length <= index) this.#slots.push(EMPTY);
    this.#slots[index] = slot;
  }

  write(offset: number, size: number, value: Value): void {
    if (size === SLOT && offset % SLOT === 0) this.#set(-offset / SLOT - 1, { bytes: ALL, value });
    else this.initialise(offset, size);
  }

  /** Marks bytes that hold something. */
  initialise(offset: number, size: number): void {
    for (let at = offset; at < offset + size; at += 1) {
      const index = slotOf(at);
      this.#set(index, { bytes: this.#slot(index).bytes | bitOf(at), value: undefined });
    }
  }

  /** Forgets what a range holds, since any part of it may have changed. Returns false if a pointer is among it. */
  smear(offset: number, size: number): boolean {
    for (let index = slotOf(offset + size - 1); index <= slotOf(offset); index += 1) {
      const { bytes, value } = this.#slot(index);
      if (value?.kind === "pointer") return false;
      if (bytes !== 0) this.#set(index, { bytes, value: undefined });
    }
    return true;
  }

  isInitialised(offset: number, size: number): boolean {
    for (let at = offset; at < offset + size; at += 1) {
      if ((this.#slot(slotOf(at)).bytes & bitOf(at)) === 0) return false;
    }
    return true;
  }

  /** The bytes are initialised. */
  read(offset: number, size: number): Value {
    const { value } = this.#slot(slotOf(offset));
    if (value === undefined || offset % SLOT !== 0) return scalarValue(ofSize(size));
    if (size === SLOT) return value;
    if (value.kind !== "scalar") return scalarValue(ofSize(size));
    return scalarValue(truncate(value.scalar, (size * 8) as 8 | 16 | 32));
  }

  *values(): IterableIterator<Value> {
    for (const { value } of this.#slots) if (value !== undefined) yield value;
  }

  /** Replaces the values in slots. */
  map(change: (value: Value) => Value): void {
    this.#slots.forEach(({ bytes, value }, index) => {
      if (value === undefined) return;
      const next = change(value);
      // What is forgotten is still initialised.
      if (next !== value) this.#slots[index] = { bytes, value: next.kind === "none" ? scalarValue(ANY) : next };
    });
  }

  covers(current: Stack, ids: IdPairs): boolean {
    return this.#slots.every((old, index) => {
      const other = current.#slot(index);
      if ((old.bytes & ~other.bytes) !== 0) return false;
      if (old.bytes === 0) return true;
      if (old.value === undefined || isAnything(old.value)) return other.value?.kind !== "pointer";
      return other.value !== undefined && covers(old.value, other.value, ids);
    });
  }

  /** Slots with known values, for people. */
  describe(print: (value: Value) => string): readonly string[] {
    return this.#slots.flatMap(({ value }, index) =>
      value === undefined ? [] : [`[fp-${(index + 1) * SLOT}] = ${print(value)}`],
    );
  }
}

const slotOf = (offset: number): number => -Math.floor(offset / SLOT) - 1;
const bitOf = (offset: number): number => 1 << (((offset % SLOT) + SLOT) % SLOT);

const isAnything = (value: Value): boolean => value.kind === "scalar" && value.id === 0 && contains(value.scalar, ANY);
