/** bpf(2) through koffi: commands, and the fields of its attributes that we use. */

import { type ForeignFunctions, ForeignMemory } from "../../base/foreign.ts";

export const COMMAND = { mapCreate: 0, mapLookup: 1, mapUpdate: 2, progLoad: 5, testRun: 10 } as const;

const NUMBERS: Readonly<Record<string, number>> = { x64: 321, arm64: 280 };
const ATTRIBUTE_BYTES = 144;

export class BpfSyscall {
  readonly koffi: ForeignFunctions;
  readonly #number: number;
  readonly #syscall: (...values: number[]) => number;
  readonly #close: (...values: number[]) => number;
  readonly #attribute: ForeignMemory;

  constructor(koffi: ForeignFunctions, architecture: string = process.arch) {
    this.koffi = koffi;
    this.#number = NUMBERS[architecture]!;
    const library = koffi.load(null);
    this.#syscall = library.func("syscall", "long", ["long", "long", "uintptr_t", "ulong"]);
    this.#close = library.func("close", "int", ["int"]);
    this.#attribute = new ForeignMemory(koffi, ATTRIBUTE_BYTES);
  }

  /** Clears the attribute, lets `fill` write its fields, and calls. Returns a descriptor or 0, or a negative error number. */
  call(command: number, fill: (attribute: ForeignMemory) => void): number {
    this.#attribute.bytes.fill(0);
    fill(this.#attribute);
    const result = this.#syscall(this.#number, command, this.#attribute.address, ATTRIBUTE_BYTES);
    return result >= 0 ? result : -this.koffi.errno();
  }

  /** A field of the last call's attribute. */
  field(offset: number): number {
    return this.#attribute.view.getUint32(offset, true);
  }

  close(descriptor: number): void {
    this.#close(descriptor);
  }
}
