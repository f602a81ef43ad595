/**
 * 64-bit registers as pairs of 32-bit words, low before high, and the operations on them. Only multiplication and division
 * of 64 bits use BigInt.
 */

import { SCRATCH } from "./lower.ts";

export class Registers {
  /** Two words for each register, and two for an immediate operand. */
  readonly words = new Int32Array((SCRATCH + 1) * 2);
  readonly #signed = new BigInt64Array(this.words.buffer);
  readonly #unsigned = new BigUint64Array(this.words.buffer);

  multiply(d: number, s: number): void {
    this.#signed[d >> 1] = this.#signed[d >> 1]! * this.#signed[s >> 1]!;
  }

  divide(d: number, s: number): void {
    const by = this.#unsigned[s >> 1]!;
    // RFC 9669 §4.1: division by zero gives zero.
    this.#unsigned[d >> 1] = by === 0n ? 0n : this.#unsigned[d >> 1]! / by;
  }

  divideSigned(d: number, s: number): void {
    const by = this.#signed[s >> 1]!;
    this.#signed[d >> 1] = by === 0n ? 0n : this.#signed[d >> 1]! / by;
  }

  modulo(d: number, s: number): void {
    const by = this.#unsigned[s >> 1]!;
    // RFC 9669 §4.1: modulo zero leaves the destination alone.
    if (by !== 0n) this.#unsigned[d >> 1] = this.#unsigned[d >> 1]! % by;
  }

  moduloSigned(d: number, s: number): void {
    const by = this.#signed[s >> 1]!;
    if (by !== 0n) this.#signed[d >> 1] = this.#signed[d >> 1]! % by;
  }

  shiftLeft(d: number, s: number): void {
    const { words } = this;
    const count = words[s]! & 63;
    if (count === 0) return;
    const low = words[d]!;
    if (count < 32) {
      words[d + 1] = (words[d + 1]! << count) | (low >>> (32 - count));
      words[d] = low << count;
    } else {
      words[d + 1] = low << (count - 32);
      words[d] = 0;
    }
  }

  /** `fill` is what comes in from the left: 0, or the sign. */
  shiftRight(d: number, s: number, arithmetic: boolean): void {
    const { words } = this;
    const count = words[s]! & 63;
    if (count === 0) return;
    const high = words[d + 1]!;
    if (count < 32) {
      words[d] = (words[d]! >>> count) | (high << (32 - count));
      words[d + 1] = arithmetic ? high >> count : high >>> count;
    } else {
      words[d] = arithmetic ? high >> (count - 32) : high >>> (count - 32);
      words[d + 1] = arithmetic ? high >> 31 : 0;
    }
  }

  /** True if the first is less than the second, as unsigned numbers. */
  below(d: number, s: number): boolean {
    const { words } = this;
    const [high, otherHigh] = [words[d + 1]!, words[s + 1]!];
    return high === otherHigh ? words[d]! >>> 0 < words[s]! >>> 0 : high >>> 0 < otherHigh >>> 0;
  }

  /** True if the first is less than the second, as signed numbers. */
  less(d: number, s: number): boolean {
    const { words } = this;
    const [high, otherHigh] = [words[d + 1]!, words[s + 1]!];
    return high === otherHigh ? words[d]! >>> 0 < words[s]! >>> 0 : high < otherHigh;
  }

  /** For people: 0x…, of all 64 bits. */
  hex(register: number): string {
    return `0x${this.#unsigned[register]!.toString(16)}`;
  }

  value(register: number): bigint {
    return this.#unsigned[register]!;
  }
}

export const swap32 = (value: number): number =>
  (value << 24) | ((value & 0xff00) << 8) | ((value >>> 8) & 0xff00) | (value >>> 24);

export const swap16 = (value: number): number => ((value & 0xff) << 8) | ((value >>> 8) & 0xff);

/** The signed 32-bit operations of RFC 9669 §4.1 whose edge cases JavaScript does not have. */
export function alu32(op: "div" | "sdiv" | "mod" | "smod", left: number, right: number): number {
  switch (op) {
    case "div":
      return right === 0 ? 0 : ((left >>> 0) / (right >>> 0)) | 0;
    case "sdiv":
      return right === 0 ? 0 : (left / right) | 0;
    case "mod":
      return right === 0 ? left : ((left >>> 0) % (right >>> 0)) | 0;
    case "smod":
      return right === 0 ? left : (left % right) | 0;
  }
}
