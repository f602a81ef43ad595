/**
 * The interpreter: the reference that the compiler is compared with. It needs no verifier, because it checks every access
 * against the program's regions, counts instructions, and limits the depth of calls.
 */

import { BpfError } from "../errors.ts";
import { TAIL_CALL } from "../helpers/index.ts";
import type { Code } from "../isa/index.ts";
import { ARGUMENTS, FRAME_BYTES, MAX_FRAMES, PACKET_LENGTH, PACKET_START, RESULT } from "../memory/index.ts";
import { atomicNames, type Lowered, lower, Op, SCRATCH, WORDS } from "./lower.ts";
import { alu32, Registers, swap16, swap32 } from "./registers.ts";
import type { Runtime } from "./runtime.ts";

const S = SCRATCH * 2;

interface Frame {
  readonly code: Lowered;
  readonly pc: number;
  readonly saved: Int32Array;
}

export interface RunArguments {
  /** r1 and r2. */
  readonly context: number;
  readonly length: number;
  /** The address of the lowest stack frame. */
  readonly stack: number;
  /** The most instructions to run. */
  readonly budget: number;
  /** Called before each instruction, with its index and the registers. */
  readonly trace?: ((pc: number, registers: Registers) => void) | undefined;
}

export class Interpreter {
  readonly registers = new Registers();
  readonly #runtime: Runtime;
  #frames: Frame[] = [];

  constructor(runtime: Runtime) {
    this.#runtime = runtime;
  }

  /** Runs to the end; afterwards r0 holds the result. Throws a `BpfError`. */
  run(program: Code, { context, length, stack, budget, trace }: RunArguments): void {
    const { registers } = this;
    const w = registers.words;
    w.fill(0);
    w[2] = context;
    w[4] = length;
    w[20] = stack + FRAME_BYTES;
    this.#frames = [];
    let code = lower(program);
    let left = budget;
    let pc = 0;
    for (;;) {
      const at = pc * WORDS;
      trace?.(pc, registers);
      if ((left -= 1) < 0) throw new BpfError("BUDGET", `the program ran more than ${budget} instructions`, { pc });
      const op = code[at]!;
      const d = code[at + 1]!;
      const s = code[at + 2]!;
      pc += 1;
      if (s === S) {
        w[S] = code[at + 3]!;
        w[S + 1] = code[at + 4]!;
      }
      if (op < Op.neg64) {
        if (op < Op.alu32) this.#alu64(op - Op.alu64, d, s);
        else if (op < Op.branch64) this.#alu32(op - Op.alu32, d, s);
        else {
          const isTaken =
            op < Op.branch32 ? this.#branch64(op - Op.branch64, d, s) : branch32(op - Op.branch32, w[d]!, w[s]!);
          if (isTaken) pc = code[at + 5]!;
        }
        continue;
      }
      switch (op) {
        case Op.neg64: {
          const low = -w[d]! | 0;
          w[d + 1] = ~w[d + 1]! + (low === 0 ? 1 : 0);
          w[d] = low;
          break;
        }
        case Op.neg32:
          w[d] = -w[d]!;
          w[d + 1] = 0;
          break;
        case Op.movsx64:
        case Op.movsx32: {
          const unused = code[at + 3]!;
          w[d] = (w[s]! << unused) >> unused;
          w[d + 1] = op === Op.movsx64 ? w[d]! >> 31 : 0;
          break;
        }
        case Op.le:
        case Op.be:
        case Op.swap:
          swapBytes(w, d, code[at + 3]!, op !== Op.le);
          break;
        case Op.load:
        case Op.loadSigned:
          this.#load(d, s, code[at + 5]!, code[at + 6]!, op === Op.loadSigned, pc - 1);
          break;
        case Op.store:
          this.#store(d, s, code[at + 5]!, code[at + 6]!, pc - 1);
          break;
        case Op.atomic:
          this.#atomic(code, at, pc - 1);
          break;
        case Op.load64:
          w[d] = code[at + 3]!;
          w[d + 1] = code[at + 4]!;
          pc += 1;
          break;
        case Op.packet:
          if (!this.#packet(code, at)) {
            // The kernel ends the program, not the function, with 0.
            w[0] = w[1] = 0;
            return;
          }
          break;
        case Op.jump:
          pc = code[at + 5]!;
          break;
        case Op.callLocal:
          this.#enter(code, pc);
          pc = code[at + 5]!;
          break;
        case Op.callKernel:
          throw new BpfError("HELPER", `there is no kernel function ${code[at + 3]}`, { pc: pc - 1 });
        case Op.callHelper:
        case Op.callRegister: {
          const id = op === Op.callHelper ? code[at + 3]! : w[d]!;
          const target = this.#call(id, pc - 1);
          if (target !== undefined) {
            code = lower(target);
            pc = 0;
          }
          break;
        }
        case Op.exit: {
          const frame = this.#frames.pop();
          if (frame === undefined) return;
          ({ code, pc } = frame);
          w.set(frame.saved, 12);
          break;
        }
        default:
          throw new BpfError("INSTRUCTION", "the middle of an instruction", { pc: pc - 1 });
      }
    }
  }

  #enter(code: Lowered, pc: number): void {
    const w = this.registers.words;
    if (this.#frames.length + 1 >= MAX_FRAMES) {
      throw new BpfError("DEPTH", `calls are nested more than ${MAX_FRAMES} deep`, { pc: pc - 1 });
    }
    // RFC 9669 §4.3: r6 to r9 and the frame pointer belong to the caller.
    this.#frames.push({ code, pc, saved: w.slice(12, 22) });
    w[20] = w[20]! + FRAME_BYTES;
  }

  /** Returns the program that a tail call continues in. */
  #call(id: number, pc: number): Code | undefined {
    const w = this.registers.words;
    const { view } = this.#runtime.arena;
    for (let i = 0; i < 10; i += 1) view.setInt32(ARGUMENTS + i * 4, w[i + 2]!, true);
    if (id === TAIL_CALL.id) {
      const target = this.#runtime.resolveTailCall();
      if (target !== undefined) return target.code;
    } else this.#runtime.callHelper(id, pc);
    const after = this.#runtime.arena.view;
    w[0] = after.getInt32(RESULT, true);
    w[1] = after.getInt32(RESULT + 4, true);
    return undefined;
  }

  #alu64(op: number, d: number, s: number): void {
    const { registers } = this;
    const w = registers.words;
    switch (op) {
      case 0: {
        const low = (w[d]! + w[s]!) | 0;
        const carry = low >>> 0 < w[s]! >>> 0 ? 1 : 0;
        w[d + 1] = w[d + 1]! + w[s + 1]! + carry;
        w[d] = low;
        return;
      }
      case 1: {
        const borrow = w[d]! >>> 0 < w[s]! >>> 0 ? 1 : 0;
        w[d + 1] = w[d + 1]! - w[s + 1]! - borrow;
        w[d] = w[d]! - w[s]!;
        return;
      }
      case 2:
        registers.multiply(d, s);
        return;
      case 3:
        registers.divide(d, s);
        return;
      case 4:
        registers.divideSigned(d, s);
        return;
      case 5:
        w[d]! |= w[s]!;
        w[d + 1]! |= w[s + 1]!;
        return;
      case 6:
        w[d]! &= w[s]!;
        w[d + 1]! &= w[s + 1]!;
        return;
      case 7:
        registers.shiftLeft(d, s);
        return;
      case 8:
        registers.shiftRight(d, s, false);
        return;
      case 9:
        registers.modulo(d, s);
        return;
      case 10:
        registers.moduloSigned(d, s);
        return;
      case 11:
        w[d]! ^= w[s]!;
        w[d + 1]! ^= w[s + 1]!;
        return;
      case 12:
        w[d] = w[s]!;
        w[d + 1] = w[s + 1]!;
        return;
      case 13:
        registers.shiftRight(d, s, true);
    }
  }

  #alu32(op: number, d: number, s: number): void {
    const w = this.registers.words;
    const left = w[d]!;
    const right = w[s]!;
    switch (op) {
      case 0:
        w[d] = left + right;
        break;
      case 1:
        w[d] = left - right;
        break;
      case 2:
        w[d] = Math.imul(left, right);
        break;
      case 3:
        w[d] = alu32("div", left, right);
        break;
      case 4:
        w[d] = alu32("sdiv", left, right);
        break;
      case 5:
        w[d] = left | right;
        break;
      case 6:
        w[d] = left & right;
        break;
      case 7:
        w[d] = left << right;
        break;
      case 8:
        w[d] = left >>> right;
        break;
      case 9:
        w[d] = alu32("mod", left, right);
        break;
      case 10:
        w[d] = alu32("smod", left, right);
        break;
      case 11:
        w[d] = left ^ right;
        break;
      case 12:
        w[d] = right;
        break;
      case 13:
        w[d] = left >> right;
        break;
    }
    // RFC 9669 §4.1: a 32-bit result is zero-extended.
    w[d + 1] = 0;
  }

  #branch64(condition: number, d: number, s: number): boolean {
    const { registers } = this;
    const w = registers.words;
    switch (condition) {
      case 0:
        return w[d] === w[s] && w[d + 1] === w[s + 1];
      case 1:
        return registers.below(s, d);
      case 2:
        return !registers.below(d, s);
      case 3:
        return (w[d]! & w[s]!) !== 0 || (w[d + 1]! & w[s + 1]!) !== 0;
      case 4:
        return w[d] !== w[s] || w[d + 1] !== w[s + 1];
      case 5:
        return registers.less(s, d);
      case 6:
        return !registers.less(d, s);
      case 7:
        return registers.below(d, s);
      case 8:
        return !registers.below(s, d);
      case 9:
        return registers.less(d, s);
      default:
        return !registers.less(s, d);
    }
  }

  /** The address of an access, or a fault. */
  #address(base: number, offset: number, size: number, write: boolean, pc: number): number {
    const w = this.registers.words;
    const address = (w[base]! >>> 0) + offset;
    if (w[base + 1] === 0) {
      for (const { start, end, writable } of this.#runtime.arena.regions) {
        if (address >= start && address + size <= end && (writable || !write)) return address;
      }
    }
    const at = `0x${(this.registers.value(base >> 1) + BigInt(offset)).toString(16)}`;
    const what = write ? "writes" : "reads";
    throw new BpfError(
      "MEMORY",
      `${what} ${size} bytes at ${at} (r${base >> 1} ${offset < 0 ? "-" : "+"} ${Math.abs(offset)}), outside of its memory`,
      { pc },
    );
  }

  #load(d: number, s: number, offset: number, size: number, signed: boolean, pc: number): void {
    const w = this.registers.words;
    const address = this.#address(s, offset, size, false, pc);
    const { view } = this.#runtime.arena;
    switch (size) {
      case 1:
        w[d] = signed ? view.getInt8(address) : view.getUint8(address);
        break;
      case 2:
        w[d] = signed ? view.getInt16(address, true) : view.getUint16(address, true);
        break;
      default:
        w[d] = view.getInt32(address, true);
    }
    w[d + 1] = size === 8 ? view.getInt32(address + 4, true) : signed ? w[d]! >> 31 : 0;
  }

  #store(d: number, s: number, offset: number, size: number, pc: number): void {
    const w = this.registers.words;
    const address = this.#address(d, offset, size, true, pc);
    const { view } = this.#runtime.arena;
    switch (size) {
      case 1:
        view.setInt8(address, w[s]!);
        return;
      case 2:
        view.setInt16(address, w[s]!, true);
        return;
      case 8:
        view.setInt32(address + 4, w[s + 1]!, true);
    }
    view.setInt32(address, w[s]!, true);
  }

  #atomic(code: Lowered, at: number, pc: number): void {
    const w = this.registers.words;
    const [d, s, op, fetch, offset, size] = code.subarray(at + 1, at + 7) as unknown as number[];
    const address = this.#address(d!, offset!, size!, true, pc);
    const { view } = this.#runtime.arena;
    const operand = size === 8 ? this.registers.value(s! >> 1) : BigInt(w[s!]! >>> 0);
    const old = size === 8 ? view.getBigUint64(address, true) : BigInt(view.getUint32(address, true));
    const r0 = size === 8 ? this.registers.value(0) : BigInt(w[0]! >>> 0);
    const next = {
      add: () => old + operand,
      or: () => old | operand,
      and: () => old & operand,
      xor: () => old ^ operand,
      xchg: () => operand,
      cmpxchg: () => (old === r0 ? operand : old),
    }[atomicNames[op!]!]();
    if (size === 8) view.setBigUint64(address, BigInt.asUintN(64, next), true);
    else view.setUint32(address, Number(BigInt.asUintN(32, next)), true);
    if (fetch === 0) return;
    const to = atomicNames[op!] === "cmpxchg" ? 0 : s!;
    w[to] = Number(BigInt.asIntN(32, old));
    w[to + 1] = Number(BigInt.asIntN(32, old >> 32n));
  }

  /** Returns false if the load leaves the packet, which ends the program. */
  #packet(code: Lowered, at: number): boolean {
    const w = this.registers.words;
    const { view } = this.#runtime.arena;
    const size = code[at + 6]!;
    const index = code[at + 5]! < 0 ? 0 : w[code[at + 2]!]!;
    const offset = (index + code[at + 3]!) | 0;
    const length = view.getUint32(PACKET_LENGTH, true);
    if (offset < 0 || offset + size > length) return false;
    const address = view.getUint32(PACKET_START, true) + offset;
    w[0] = size === 1 ? view.getUint8(address) : size === 2 ? view.getUint16(address) : view.getInt32(address);
    w[1] = 0;
    return true;
  }
}

function branch32(condition: number, left: number, right: number): boolean {
  switch (condition) {
    case 0:
      return left === right;
    case 1:
      return left >>> 0 > right >>> 0;
    case 2:
      return left >>> 0 >= right >>> 0;
    case 3:
      return (left & right) !== 0;
    case 4:
      return left !== right;
    case 5:
      return left > right;
    case 6:
      return left >= right;
    case 7:
      return left >>> 0 < right >>> 0;
    case 8:
      return left >>> 0 <= right >>> 0;
    case 9:
      return left < right;
    default:
      return left <= right;
  }
}

/** RFC 9669 §4.2: truncates to the width; swaps unless the order is already that of this (little-endian) machine. */
function swapBytes(w: Int32Array, d: number, bits: number, isSwapped: boolean): void {
  const low = w[d]!;
  if (bits === 16) w[d] = isSwapped ? swap16(low) : low & 0xffff;
  else if (bits === 32) w[d] = isSwapped ? swap32(low) : low;
  else if (isSwapped) {
    w[d] = swap32(w[d + 1]!);
    w[d + 1] = swap32(low);
  }
  if (bits !== 64) w[d + 1] = 0;
}
