/** WebAssembly as bytes: the opcodes that we use, numbers in LEB128, and the sections of a module. */

export const Wasm = {
  unreachable: 0x00,
  block: 0x02,
  loop: 0x03,
  if: 0x04,
  else: 0x05,
  end: 0x0b,
  br: 0x0c,
  brIf: 0x0d,
  brTable: 0x0e,
  return: 0x0f,
  call: 0x10,
  drop: 0x1a,
  localGet: 0x20,
  localSet: 0x21,
  localTee: 0x22,
  globalGet: 0x23,
  globalSet: 0x24,
  i32Load: 0x28,
  i64Load: 0x29,
  i32Load8U: 0x2d,
  i32Load16U: 0x2f,
  i64Load8S: 0x30,
  i64Load8U: 0x31,
  i64Load16S: 0x32,
  i64Load16U: 0x33,
  i64Load32S: 0x34,
  i64Load32U: 0x35,
  i32Store: 0x36,
  i64Store: 0x37,
  i64Store8: 0x3c,
  i64Store16: 0x3d,
  i64Store32: 0x3e,
  i32Const: 0x41,
  i64Const: 0x42,
  i32Eqz: 0x45,
  i32Eq: 0x46,
  i32Ne: 0x47,
  i32LtS: 0x48,
  i32LtU: 0x49,
  i32GtS: 0x4a,
  i32GtU: 0x4b,
  i32LeS: 0x4c,
  i32LeU: 0x4d,
  i32GeS: 0x4e,
  i32GeU: 0x4f,
  i64Eqz: 0x50,
  i64Eq: 0x51,
  i64Ne: 0x52,
  i64LtS: 0x53,
  i64LtU: 0x54,
  i64GtS: 0x55,
  i64GtU: 0x56,
  i64LeS: 0x57,
  i64LeU: 0x58,
  i64GeS: 0x59,
  i64GeU: 0x5a,
  i32Add: 0x6a,
  i32Sub: 0x6b,
  i32Mul: 0x6c,
  i32DivS: 0x6d,
  i32DivU: 0x6e,
  i32RemS: 0x6f,
  i32RemU: 0x70,
  i32And: 0x71,
  i32Or: 0x72,
  i32Xor: 0x73,
  i32Shl: 0x74,
  i32ShrS: 0x75,
  i32ShrU: 0x76,
  i32Rotl: 0x77,
  i64Add: 0x7c,
  i64Sub: 0x7d,
  i64Mul: 0x7e,
  i64DivS: 0x7f,
  i64DivU: 0x80,
  i64RemS: 0x81,
  i64RemU: 0x82,
  i64And: 0x83,
  i64Or: 0x84,
  i64Xor: 0x85,
  i64Shl: 0x86,
  i64ShrS: 0x87,
  i64ShrU: 0x88,
  i32WrapI64: 0xa7,
  i64ExtendI32S: 0xac,
  i64ExtendI32U: 0xad,
  i32Extend8S: 0xc0,
  i32Extend16S: 0xc1,
  i64Extend8S: 0xc2,
  i64Extend16S: 0xc3,
  i64Extend32S: 0xc4,
} as const;

export const I32 = 0x7f;
export const I64 = 0x7e;
/** A block without a result. */
export const VOID = 0x40;

/** Bytes that grow, with the encodings of WebAssembly. */
export class Sink {
  #bytes = new Uint8Array(256);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  byte(...values: readonly number[]): this {
    this.#reserve(values.length);
    for (const value of values) this.#bytes[this.#length++] = value;
    return this;
  }

  bytes(other: Uint8Array): this {
    this.#reserve(other.length);
    this.#bytes.set(other, this.#length);
    this.#length += other.length;
    return this;
  }

  #reserve(more: number): void {
    if (this.#length + more <= this.#bytes.length) return;
    const bytes = new Uint8Array(Math.max(this.#bytes.length * 2, this.#length + more));
    bytes.set(this.#bytes);
    this.#bytes = bytes;
  }

  take(): Uint8Array<ArrayBuffer> {
    return this.#bytes.slice(0, this.#length);
  }

  /** At most 32 bits. */
  unsigned(value: number): this {
    let rest = value >>> 0;
    while (rest >= 0x80) {
      this.byte((rest & 0x7f) | 0x80);
      rest >>>= 7;
    }
    return this.byte(rest);
  }

  signed(value: number): this {
    return this.signed64(BigInt(value | 0));
  }

  signed64(value: bigint): this {
    let rest = BigInt.asIntN(64, value);
    for (;;) {
      const low = Number(rest & 0x7fn);
      rest >>= 7n;
      const isLast = (rest === 0n && (low & 0x40) === 0) || (rest === -1n && (low & 0x40) !== 0);
      this.byte(isLast ? low : low | 0x80);
      if (isLast) return this;
    }
  }

  name(text: string): this {
    this.unsigned(text.length);
    for (let i = 0; i < text.length; i += 1) this.byte(text.charCodeAt(i));
    return this;
  }

  i32(value: number): this {
    return this.byte(Wasm.i32Const).signed(value);
  }

  i64(value: bigint): this {
    return this.byte(Wasm.i64Const).signed64(value);
  }

  get(local: number): this {
    return this.byte(Wasm.localGet).unsigned(local);
  }

  set(local: number): this {
    return this.byte(Wasm.localSet).unsigned(local);
  }

  tee(local: number): this {
    return this.byte(Wasm.localTee).unsigned(local);
  }

  call(index: number): this {
    return this.byte(Wasm.call).unsigned(index);
  }

  /** A load or store, of any alignment. */
  memory(opcode: number, offset: number): this {
    return this.byte(opcode, 0).unsigned(offset);
  }
}

export interface FunctionType {
  readonly parameters: readonly number[];
  readonly results: readonly number[];
}

export interface ImportedFunction extends FunctionType {
  readonly name: string;
}

export interface DefinedFunction extends FunctionType {
  readonly locals: readonly (readonly [count: number, type: number])[];
  readonly body: Uint8Array;
  readonly exportName?: string;
}

/** A module that imports `env.memory` and functions, which have the first numbers, and has mutable i32 globals. */
export function encodeModule(
  imports: readonly ImportedFunction[],
  functions: readonly DefinedFunction[],
  globals: number,
): Uint8Array<ArrayBuffer> {
  const types: string[] = [];
  const typeBytes = new Sink();
  const typeOf = ({ parameters, results }: FunctionType): number => {
    const key = `${parameters}:${results}`;
    const known = types.indexOf(key);
    if (known >= 0) return known;
    typeBytes
      .byte(0x60)
      .unsigned(parameters.length)
      .byte(...parameters);
    typeBytes.unsigned(results.length).byte(...results);
    return types.push(key) - 1;
  };
  const importBytes = new Sink().unsigned(imports.length + 1);
  for (const each of imports) importBytes.name("env").name(each.name).byte(0).unsigned(typeOf(each));
  importBytes.name("env").name("memory").byte(2, 0).unsigned(1);
  const functionBytes = new Sink().unsigned(functions.length);
  const exportBytes = new Sink().unsigned(functions.filter(({ exportName }) => exportName !== undefined).length);
  const codeBytes = new Sink().unsigned(functions.length);
  functions.forEach((each, index) => {
    functionBytes.unsigned(typeOf(each));
    if (each.exportName !== undefined)
      exportBytes
        .name(each.exportName)
        .byte(0)
        .unsigned(imports.length + index);
    const body = new Sink().unsigned(each.locals.length);
    for (const [count, type] of each.locals) body.unsigned(count).byte(type);
    body.bytes(each.body).byte(Wasm.end);
    codeBytes.unsigned(body.length).bytes(body.take());
  });
  const globalBytes = new Sink().unsigned(globals);
  for (let i = 0; i < globals; i += 1) globalBytes.byte(I32, 1).i32(0).byte(Wasm.end);
  const module = new Sink().byte(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0);
  const section = (id: number, content: Sink): void => {
    module.byte(id).unsigned(content.length).bytes(content.take());
  };
  section(1, new Sink().unsigned(types.length).bytes(typeBytes.take()));
  section(2, importBytes);
  section(3, functionBytes);
  section(6, globalBytes);
  section(7, exportBytes);
  section(10, codeBytes);
  return module.take();
}
