/**
 * ELF as far as eBPF objects use it: a relocatable file of class 64 for the machine 247, with its sections, symbols and
 * relocations. Offsets and sizes come from the file, so each one is checked before it is used.
 */

import { fromUtf8 } from "../../wire/text.ts";
import { BpfError } from "../errors.ts";

export interface Section {
  readonly index: number;
  readonly name: string;
  readonly type: number;
  readonly flags: number;
  readonly data: Uint8Array;
  /** Of the section that a relocation section is about. */
  readonly info: number;
  readonly link: number;
}

export interface ElfSymbol {
  readonly name: string;
  readonly value: number;
  readonly size: number;
  /** 0 none, 1 object, 2 function, 3 section. */
  readonly type: number;
  readonly binding: number;
  /** The index of its section; 0 if it is undefined. */
  readonly section: number;
}

export interface Relocation {
  /** In the section's data. */
  readonly offset: number;
  readonly type: number;
  readonly symbol: ElfSymbol;
}

export interface ElfFile {
  readonly bigEndian: boolean;
  readonly sections: readonly Section[];
  readonly symbols: readonly ElfSymbol[];
  /** By the index of the section that they change. */
  readonly relocations: ReadonlyMap<number, readonly Relocation[]>;
}

const HEADER_BYTES = 64;
const SECTION_BYTES = 64;
const SYMBOL_BYTES = 24;
const RELOCATION_BYTES = 16;
const EM_BPF = 247;
const ET_REL = 1;
const SHT = { symtab: 2, nobits: 8, rel: 9 } as const;
const MAX_SECTIONS = 4096;
const MAX_NAME = 4096;
/** Zero-filled sections have no bytes in the file, so their size must be limited: of all together. */
const MAX_ZEROES = 1 << 20;

const refuse = (reason: string): never => {
  throw new BpfError("OBJECT", reason);
};

/** Throws a `BpfError` with the code OBJECT. */
export function parseElf(bytes: Uint8Array): ElfFile {
  if (bytes.length < HEADER_BYTES || bytes[0] !== 0x7f || bytes[1] !== 0x45 || bytes[2] !== 0x4c || bytes[3] !== 0x46) {
    return refuse("not an ELF file; compile with clang -target bpf -O2 -g -c");
  }
  if (bytes[4] !== 2) return refuse("an ELF file of class 32; eBPF objects have class 64");
  const bigEndian = bytes[5] === 2;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const u16 = (at: number): number => view.getUint16(at, !bigEndian);
  const u32 = (at: number): number => view.getUint32(at, !bigEndian);
  /** Values that do not fit in 53 bits are certainly outside of the file. */
  const u64 = (at: number): number => Number(view.getBigUint64(at, !bigEndian));
  if (u16(18) !== EM_BPF) return refuse(`an ELF file for machine ${u16(18)}, not for eBPF (${EM_BPF})`);
  if (u16(16) !== ET_REL) return refuse("an ELF file that is not relocatable; compile with -c");
  const table = u64(40);
  const count = u16(60);
  if (count > MAX_SECTIONS) return refuse(`${count} sections; at most ${MAX_SECTIONS}`);
  if (u16(58) !== SECTION_BYTES || table + count * SECTION_BYTES > bytes.length) {
    return refuse("the table of sections is outside of the file");
  }
  let zeroes = 0;
  const raw = Array.from({ length: count }, (_, index) => {
    const at = table + index * SECTION_BYTES;
    const [type, offset, size] = [u32(at + 4), u64(at + 24), u64(at + 32)];
    let data: Uint8Array;
    if (type === SHT.nobits) {
      zeroes += size;
      if (zeroes > MAX_ZEROES) refuse(`${zeroes} zero bytes up to section ${index}; at most ${MAX_ZEROES}`);
      data = new Uint8Array(size);
    } else {
      if (index > 0 && offset + size > bytes.length) refuse(`section ${index} is outside of the file`);
      data = index === 0 ? new Uint8Array(0) : bytes.subarray(offset, offset + size);
    }
    return { index, nameAt: u32(at), type, flags: u64(at + 8), data, link: u32(at + 40), info: u32(at + 44) };
  });
  const names = raw[u16(62)]?.data ?? refuse("there is no table of section names");
  const sections = raw.map(({ nameAt, ...section }) => ({ ...section, name: stringAt(names, nameAt) }));

  const symbolTable = sections.find(({ type }) => type === SHT.symtab);
  const symbols: ElfSymbol[] = [];
  if (symbolTable !== undefined) {
    const strings = sections[symbolTable.link]?.data ?? refuse("there is no table of symbol names");
    const { data } = symbolTable;
    const symbolView = new DataView(data.buffer, data.byteOffset, data.length);
    for (let at = 0; at + SYMBOL_BYTES <= data.length; at += SYMBOL_BYTES) {
      const info = symbolView.getUint8(at + 4);
      symbols.push({
        name: stringAt(strings, symbolView.getUint32(at, !bigEndian)),
        type: info & 0x0f,
        binding: info >> 4,
        section: symbolView.getUint16(at + 6, !bigEndian),
        value: Number(symbolView.getBigUint64(at + 8, !bigEndian)),
        size: Number(symbolView.getBigUint64(at + 16, !bigEndian)),
      });
    }
  }

  const relocations = new Map<number, readonly Relocation[]>();
  for (const { type, data, info, name } of sections) {
    if (type !== SHT.rel) continue;
    const target = sections[info] ?? refuse(`${name} is about a section that does not exist`);
    const relocationView = new DataView(data.buffer, data.byteOffset, data.length);
    const list: Relocation[] = [];
    for (let at = 0; at + RELOCATION_BYTES <= data.length; at += RELOCATION_BYTES) {
      const offset = Number(relocationView.getBigUint64(at, !bigEndian));
      // The lower half is the type; on big-endian machines it comes second.
      const kind = relocationView.getUint32(at + (bigEndian ? 12 : 8), !bigEndian);
      const index = relocationView.getUint32(at + (bigEndian ? 8 : 12), !bigEndian);
      const symbol = symbols[index] ?? refuse(`${name} names symbol ${index}, which does not exist`);
      if (offset >= target.data.length) refuse(`${name} changes byte ${offset}, outside of ${target.name}`);
      list.push({ offset, type: kind, symbol });
    }
    relocations.set(info, [...(relocations.get(info) ?? []), ...list]);
  }
  return { bigEndian, sections, symbols, relocations };
}

/** A string that ends with a zero byte; at most 4096 bytes. Malformed ones are refused, since names are compared. */
export function stringAt(bytes: Uint8Array, at: number): string {
  if (at >= bytes.length && at > 0) return refuse(`a name at ${at}, outside of its table`);
  const zero = bytes.indexOf(0, at);
  const end = zero < 0 ? bytes.length : zero;
  if (end - at > MAX_NAME) return refuse(`a name of more than ${MAX_NAME} bytes`);
  const text = fromUtf8(bytes.subarray(at, end));
  return text.includes("\ufffd") ? refuse(`a name at ${at} that is not UTF-8`) : text;
}
