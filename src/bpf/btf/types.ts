/**
 * BTF, the types of a program (the kernel's Documentation/bpf/btf.rst). Types refer to each other by number; number 0 is
 * void. Every walk along references is limited, so that a loop in a malformed file ends.
 */

import { fromUtf8 } from "../../wire/text.ts";
import { BpfError } from "../errors.ts";

export const KIND = {
  void: 0,
  int: 1,
  ptr: 2,
  array: 3,
  struct: 4,
  union: 5,
  enum: 6,
  fwd: 7,
  typedef: 8,
  volatile: 9,
  const: 10,
  restrict: 11,
  func: 12,
  funcProto: 13,
  var: 14,
  datasec: 15,
  float: 16,
  declTag: 17,
  typeTag: 18,
  enum64: 19,
} as const;

export interface BtfMember {
  readonly name: string;
  readonly type: number;
  /** Bits from the start. */
  readonly offset: number;
  /** Bits of a bit field, or 0. */
  readonly bits: number;
}

export interface BtfType {
  readonly kind: number;
  readonly name: string;
  /** Bytes, of types that have a size; otherwise the number of another type. */
  readonly sizeOrType: number;
  /** Of integers and enumerations. */
  readonly isSigned: boolean;
  /** Of structs and unions. */
  readonly members: readonly BtfMember[];
  /** Of enumerations. */
  readonly values: readonly { readonly name: string; readonly value: bigint }[];
  /** Of arrays. */
  readonly element: number;
  readonly count: number;
  /** Of data sections: variables with their place. */
  readonly variables: readonly { readonly type: number; readonly offset: number; readonly size: number }[];
}

const MAGIC = 0xeb9f;
const MAX_TYPES = 1_000_000;
const MAX_DEPTH = 64;
const MAX_NAME = 65_536;

const refuse = (reason: string): never => {
  throw new BpfError("BTF", reason);
};

/** Kinds that only wrap another type. */
const WRAPPERS: ReadonlySet<number> = new Set([KIND.typedef, KIND.volatile, KIND.const, KIND.restrict, KIND.typeTag]);

/** The types of an object file. */
export class Btf {
  readonly types: readonly BtfType[];
  readonly #strings: Uint8Array;

  constructor(types: readonly BtfType[], strings: Uint8Array) {
    this.types = types;
    this.#strings = strings;
  }

  /** The text at an offset of the table of strings. */
  string(at: number): string {
    return readString(this.#strings, at);
  }

  /** The type with this number. */
  type(id: number): BtfType {
    return this.types[id] ?? refuse(`there is no type ${id}`);
  }

  /** The type below typedefs and qualifiers. */
  resolve(id: number): { readonly id: number; readonly type: BtfType } {
    let at = id;
    for (let depth = 0; depth < MAX_DEPTH; depth += 1) {
      const type = this.type(at);
      if (!WRAPPERS.has(type.kind)) return { id: at, type };
      at = type.sizeOrType;
    }
    return refuse(`type ${id} refers to itself`);
  }

  /** Bytes of a value of this type. */
  size(id: number): number {
    const size = this.#size(id);
    return Number.isSafeInteger(size) ? size : refuse(`type ${id} has more bytes than can be counted`);
  }

  #size(id: number): number {
    let factor = 1;
    let at = id;
    for (let depth = 0; depth < MAX_DEPTH; depth += 1) {
      const { type } = this.resolve(at);
      switch (type.kind) {
        case KIND.ptr:
          return factor * 8;
        case KIND.array:
          factor *= type.count;
          at = type.element;
          continue;
        case KIND.int:
        case KIND.struct:
        case KIND.union:
        case KIND.enum:
        case KIND.enum64:
        case KIND.float:
        case KIND.datasec:
          return factor * type.sizeOrType;
        default:
          return refuse(`type ${at} (${type.name}) has no size`);
      }
    }
    return refuse(`type ${id} refers to itself`);
  }
}

/** Throws a `BpfError` with the code BTF. */
export function parseBtf(bytes: Uint8Array): Btf {
  if (bytes.length < 24) return refuse("the section .BTF is too short");
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const little = view.getUint16(0, true) === MAGIC;
  if (!little && view.getUint16(0) !== MAGIC) return refuse("the section .BTF does not begin with 0xeb9f");
  const u32 = (at: number): number => view.getUint32(at, little);
  if (view.getUint8(2) !== 1) return refuse(`BTF of version ${view.getUint8(2)}`);
  const header = u32(4);
  const [typesAt, typesLength, stringsAt, stringsLength] = [u32(8), u32(12), u32(16), u32(20)];
  if (header + typesAt + typesLength > bytes.length || header + stringsAt + stringsLength > bytes.length) {
    return refuse("its types or strings are outside of the section .BTF");
  }
  const strings = bytes.subarray(header + stringsAt, header + stringsAt + stringsLength);
  const types: BtfType[] = [{ ...EMPTY, name: "void" }];
  const end = header + typesAt + typesLength;
  for (let at = header + typesAt; at < end; ) {
    if (types.length > MAX_TYPES) return refuse(`more than ${MAX_TYPES} types`);
    if (at + 12 > end) return refuse(`type ${types.length} is cut off`);
    const info = u32(at + 4);
    const kind = (info >> 24) & 0x1f;
    const count = info & 0xffff;
    const width = extraBytes(kind, count) ?? refuse(`type ${types.length} has the unknown kind ${kind}`);
    const extra = at + 12;
    if (extra + width > end) return refuse(`type ${types.length} is cut off`);
    const base = { ...EMPTY, kind, name: readName(strings, u32(at)), sizeOrType: u32(at + 8) };
    types.push(readBody(base, { info, count, extra, u32, strings }));
    at = extra + width;
  }
  return new Btf(types, strings);
}

const EMPTY: BtfType = {
  kind: KIND.void,
  name: "",
  sizeOrType: 0,
  isSigned: false,
  members: [],
  values: [],
  element: 0,
  count: 0,
  variables: [],
};

function extraBytes(kind: number, count: number): number | undefined {
  switch (kind) {
    case KIND.int:
    case KIND.var:
    case KIND.declTag:
      return 4;
    case KIND.array:
      return 12;
    case KIND.struct:
    case KIND.union:
    case KIND.datasec:
    case KIND.enum64:
      return count * 12;
    case KIND.enum:
    case KIND.funcProto:
      return count * 8;
    default:
      return kind >= KIND.ptr && kind <= KIND.typeTag ? 0 : undefined;
  }
}

interface Body {
  readonly info: number;
  readonly count: number;
  readonly extra: number;
  readonly u32: (at: number) => number;
  readonly strings: Uint8Array;
}

function readBody(base: BtfType, { info, count, extra, u32, strings }: Body): BtfType {
  const rows = <Row>(width: number, read: (at: number) => Row): Row[] =>
    Array.from({ length: count }, (_, index) => read(extra + index * width));
  const hasFlag = info >>> 31 === 1;
  switch (base.kind) {
    case KIND.int:
      // Bits 24 to 27 are the encoding, of which 1 is BTF_INT_SIGNED.
      return { ...base, isSigned: ((u32(extra) >>> 24) & 1) === 1 };
    case KIND.array:
      return { ...base, element: u32(extra), count: u32(extra + 8) };
    case KIND.struct:
    case KIND.union:
      return {
        ...base,
        members: rows(12, (at) => {
          const offset = u32(at + 8);
          return {
            name: readName(strings, u32(at)),
            type: u32(at + 4),
            offset: hasFlag ? offset & 0xff_ffff : offset,
            bits: hasFlag ? offset >>> 24 : 0,
          };
        }),
      };
    case KIND.enum:
      return {
        ...base,
        isSigned: hasFlag,
        values: rows(8, (at) => ({
          name: readName(strings, u32(at)),
          value: BigInt(hasFlag ? u32(at + 4) | 0 : u32(at + 4)),
        })),
      };
    case KIND.enum64:
      return {
        ...base,
        isSigned: hasFlag,
        values: rows(12, (at) => {
          const value = (BigInt(u32(at + 8)) << 32n) | BigInt(u32(at + 4));
          return { name: readName(strings, u32(at)), value: hasFlag ? BigInt.asIntN(64, value) : value };
        }),
      };
    case KIND.datasec:
      return { ...base, variables: rows(12, (at) => ({ type: u32(at), offset: u32(at + 4), size: u32(at + 8) })) };
    default:
      return base;
  }
}

/** Names are compared, so that malformed ones must not become the same. */
function readName(strings: Uint8Array, at: number): string {
  const name = readString(strings, at);
  return name.includes("\ufffd") ? refuse(`a name at ${at} that is not UTF-8`) : name;
}

function readString(strings: Uint8Array, at: number): string {
  if (at === 0) return "";
  if (at >= strings.length) return refuse(`a name at ${at}, outside of the strings`);
  const zero = strings.indexOf(0, at);
  const end = zero < 0 ? strings.length : zero;
  if (end - at > MAX_NAME) return refuse("a name of more than 65,536 bytes");
  return fromUtf8(strings.subarray(at, end));
}
