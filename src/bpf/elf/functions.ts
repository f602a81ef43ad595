/**
 * The code of an object as functions. A program is its entry function and all functions that it calls, wherever they are,
 * laid out one after another; jumps and calls are re-based.
 */

import { BpfError } from "../errors.ts";
import { type Code, checkTargets, decode, MAX_INSTRUCTIONS, type Operation, readFields } from "../isa/index.ts";
import type { ElfFile, Section } from "./elf-file.ts";

/** A function by its section and its slots in it. */
export interface ObjectFunction {
  readonly name: string;
  readonly section: number;
  readonly start: number;
  /** Exclusive. */
  readonly end: number;
  readonly isGlobal: boolean;
}

/** Changes an operation of a section: relocations. `slot` counts from the start of the section. */
export type Relocate = (operation: Operation, section: Section, slot: number) => Operation;

export interface LaidOut {
  readonly code: Code;
  /** Where each instruction comes from. */
  readonly origins: readonly { readonly section: string; readonly slot: number }[];
}

const SHF_EXECINSTR = 4;
const STT_FUNC = 2;
const GLOBAL = 1;

export const isCode = ({ flags, data, type }: Section): boolean =>
  (flags & SHF_EXECINSTR) !== 0 && data.length > 0 && type === 1;

export function readFunctions(elf: ElfFile): readonly ObjectFunction[] {
  return elf.symbols
    .filter(({ type, section }) => type === STT_FUNC && elf.sections[section] !== undefined)
    .map(({ name, section, value, size, binding }) => {
      const { length } = elf.sections[section]!.data;
      if (value % 8 !== 0 || size % 8 !== 0 || size === 0 || value + size > length) {
        throw new BpfError("OBJECT", `function ${name} is outside of its section`);
      }
      return { name, section, start: value / 8, end: (value + size) / 8, isGlobal: binding === GLOBAL };
    });
}

export class FunctionLinker {
  readonly #elf: ElfFile;
  readonly #functions: readonly ObjectFunction[];
  readonly #relocate: Relocate;
  readonly #sections = new Map<number, readonly (Operation | undefined)[]>();

  constructor(elf: ElfFile, functions: readonly ObjectFunction[], relocate: Relocate) {
    this.#elf = elf;
    this.#functions = functions;
    this.#relocate = relocate;
  }

  /** The program that begins with this function. */
  layOut(entry: ObjectFunction): LaidOut {
    const bases = new Map<ObjectFunction, number>([[entry, 0]]);
    const order = [entry];
    let length = entry.end - entry.start;
    // Functions that are found here are appended while the list is walked.
    for (const each of order) {
      for (let slot = each.start; slot < each.end; slot += 1) {
        const callee = this.#calleeAt(each, slot);
        if (callee === undefined || bases.has(callee)) continue;
        bases.set(callee, length);
        order.push(callee);
        length += callee.end - callee.start;
        if (length > MAX_INSTRUCTIONS) throw new BpfError("OBJECT", `more than ${MAX_INSTRUCTIONS} instructions`);
      }
    }
    const code: (Operation | undefined)[] = [];
    const origins: LaidOut["origins"][number][] = [];
    for (const each of order) {
      const section = this.#elf.sections[each.section]!;
      const shift = code.length - each.start;
      for (let slot = each.start; slot < each.end; slot += 1) {
        const operation = this.#section(each.section)[slot];
        origins.push({ section: section.name, slot });
        code.push(operation && this.#rebase(operation, each, slot, shift, bases));
      }
    }
    checkTargets(code);
    return { code, origins };
  }

  #rebase(
    operation: Operation,
    own: ObjectFunction,
    slot: number,
    shift: number,
    bases: ReadonlyMap<ObjectFunction, number>,
  ): Operation {
    if (operation.kind === "jump" || operation.kind === "branch") {
      const { target } = operation;
      if (target < own.start || target >= own.end) {
        throw new BpfError("OBJECT", `a jump out of function ${own.name}`, { pc: slot });
      }
      return { ...operation, target: target + shift };
    }
    const callee = this.#calleeAt(own, slot);
    return callee === undefined ? operation : ({ ...operation, target: bases.get(callee)! } as Operation);
  }

  #calleeAt({ section, name }: ObjectFunction, slot: number): ObjectFunction | undefined {
    const operation = this.#section(section)[slot];
    if (operation?.kind !== "call" || operation.type !== "local") return undefined;
    const relocation = (this.#elf.relocations.get(section) ?? []).find(({ offset }) => offset === slot * 8);
    let [inSection, target] = [section, operation.target];
    if (relocation !== undefined) {
      const { symbol } = relocation;
      if (symbol.section === 0) throw new BpfError("OBJECT", `${name} calls ${symbol.name}, which is not in this file`);
      // A section's symbol is at 0, and the instruction holds the distance; a function's holds -1.
      [inSection, target] = [symbol.section, symbol.value / 8 + (operation.target - slot - 1) + 1];
    }
    const callee = this.#functions.find((each) => each.section === inSection && each.start === target);
    if (callee === undefined) throw new BpfError("OBJECT", `${name} calls a place that is no function`, { pc: slot });
    return callee;
  }

  /** The operations of a section, with jumps in its own slots. */
  #section(index: number): readonly (Operation | undefined)[] {
    const known = this.#sections.get(index);
    if (known !== undefined) return known;
    const section = this.#elf.sections[index]!;
    const { bigEndian } = this.#elf;
    const count = Math.floor(section.data.length / 8);
    const operations: (Operation | undefined)[] = [];
    while (operations.length < count) {
      const slot = operations.length;
      const next = slot + 1 < count ? readFields(section.data, slot + 1, bigEndian) : undefined;
      const operation = this.#relocate(decode(readFields(section.data, slot, bigEndian), slot, next), section, slot);
      operations.push(operation);
      if (operation.kind === "load64") operations.push(undefined);
    }
    this.#sections.set(index, operations);
    return operations;
  }
}
