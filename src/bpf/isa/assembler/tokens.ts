/** Registers, numbers and targets, as both syntaxes write them. */

import { FRAME_POINTER, type Operation } from "../operation.ts";

/** A mistake in one line. The assembler adds the line's number. */
export class LineError extends Error {}

/** An operation whose target may still be a label. */
export interface Statement {
  readonly operation: Operation;
  readonly label?: string | undefined;
}

export function parseRegister(text: string): number {
  const digits = /^%?[rw](\d{1,3})$/.exec(text)?.[1];
  if (digits === undefined) throw new LineError(`expected a register, not "${text}"`);
  if (Number(digits) > FRAME_POINTER) throw new LineError(`Invalid register ${text}: there are r0 to r10`);
  return Number(digits);
}

export const isRegister = (text: string): boolean => /^%?[rw]\d+$/.test(text);

const NUMBER = /^([+-]?)(0x[0-9a-f]+|\d+)$/i;

function parseInteger(text: string): bigint {
  const match = NUMBER.exec(text);
  if (match === null) throw new LineError(`expected a number, not "${text}"`);
  return match[1] === "-" ? -BigInt(match[2]!) : BigInt(match[2]!);
}

/** Decimal numbers are signed; hexadecimal ones may also be the bits of a negative number. */
function parseBits(text: string, bits: number, what: string): number {
  const value = parseInteger(text);
  const limit = 1n << BigInt(bits - 1);
  const isHex = /0x/i.test(text);
  if (value < -limit || value >= (isHex ? 2n * limit : limit)) {
    throw new LineError(`${what} out of ${bits}-bit range: ${text}`);
  }
  return Number(BigInt.asIntN(bits, value));
}

export const parseImmediate = (text: string): number => parseBits(text, 32, "Immediate");
export const parseOffset = (text: string): number => parseBits(text, 16, "Offset");

/** The number of a helper: 32 bits without a sign. */
export function parseHelper(text: string): number {
  const value = parseInteger(text);
  if (value < 0n || value >= 1n << 32n) throw new LineError(`Helper out of 32-bit range: ${text}`);
  return Number(value);
}

/** The two halves of a 64-bit immediate, as signed words. */
export function parseImmediate64(text: string): { readonly low: number; readonly high: number } {
  const value = parseInteger(text);
  if (value < -(1n << 63n) || value >= 1n << 64n) throw new LineError(`Immediate out of 64-bit range: ${text}`);
  return { low: Number(BigInt.asIntN(32, value)), high: Number(BigInt.asIntN(32, value >> 32n)) };
}

const LABEL = /^[A-Za-z_.$][\w.$]*$/;

/** `+3` counts from the next instruction; a name is a label; `+3 <label>` is what a disassembler prints. */
export function parseTarget(text: string, pc: number): { readonly target: number; readonly label?: string } {
  const bare = text.replace(/\s*<[^>]*>$/, "");
  if (/^[+-]/.test(bare)) return { target: pc + 1 + Number(parseBits(bare, 32, "Offset")) };
  if (LABEL.test(bare)) return { target: 0, label: bare };
  throw new LineError(`expected a label or a distance such as +3, not "${text}"`);
}
