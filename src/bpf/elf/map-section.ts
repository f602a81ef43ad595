/** Maps in an object: `.maps`, whose values are in BTF, the older `maps`, and sections of global variables. */

import { type Btf, KIND } from "../btf/index.ts";
import { BpfError } from "../errors.ts";
import { type MapDefinition, mapTypeOf } from "../maps/index.ts";
import type { ElfFile, Section } from "./elf-file.ts";

/** A map that an object file declares. */
export interface ObjectMap {
  readonly definition: MapDefinition;
  /** Where it is: code refers to a section and an offset in it. */
  readonly section: number;
  readonly offset: number;
  /** Programs that a program array has from the beginning. */
  readonly programs: readonly { readonly index: number; readonly name: string }[];
}

const SHF_WRITE = 1;

export function readMaps(elf: ElfFile, btf: Btf | undefined): readonly ObjectMap[] {
  return elf.sections.flatMap((section) => {
    if (section.name === ".maps") return readBtfMaps(elf, section, btf);
    if (section.name === "maps") return readOldMaps(elf, section);
    if (isData(section)) return [dataMap(section)];
    return [];
  });
}

export const isData = ({ name, data }: Section): boolean => /^\.(data|bss|rodata)(\.|$)/.test(name) && data.length > 0;

const dataMap = ({ name, index, data, flags }: Section): ObjectMap => ({
  definition: {
    name,
    type: "array",
    keySize: 4,
    valueSize: data.length,
    maxEntries: 1,
    initial: data,
    readOnly: (flags & SHF_WRITE) === 0,
  },
  section: index,
  offset: 0,
  programs: [],
});

function readBtfMaps(elf: ElfFile, section: Section, btf: Btf | undefined): readonly ObjectMap[] {
  if (btf === undefined) throw new BpfError("OBJECT", "maps without BTF; compile with -g");
  const variables = btf.types.find(({ kind, name }) => kind === KIND.datasec && name === ".maps")?.variables ?? [];
  return variables.map(({ type }) => {
    const variable = btf.type(type);
    const { name } = variable;
    // clang leaves the offsets of the data section at 0: the symbol has the right one.
    const symbol = elf.symbols.find((each) => each.name === name && each.section === section.index);
    if (symbol === undefined) throw new BpfError("OBJECT", `map ${name} has no symbol`);
    const structure = btf.resolve(variable.sizeOrType).type;
    if (structure.kind !== KIND.struct) throw new BpfError("OBJECT", `map ${name} is not a structure`);
    const facts: Record<string, number> = {};
    let valuesAt: number | undefined;
    for (const member of structure.members) {
      if (member.name === "values") {
        valuesAt = member.offset / 8;
        continue;
      }
      const pointer = btf.resolve(member.type).type;
      if (pointer.kind !== KIND.ptr) throw new BpfError("OBJECT", `map ${name}: member ${member.name} is no pointer`);
      const target = btf.resolve(pointer.sizeOrType).type;
      // `key` and `value` are types; all other members are numbers, as lengths of arrays.
      if (member.name === "key" || member.name === "value") facts[`${member.name}_size`] = btf.size(pointer.sizeOrType);
      else if (target.kind === KIND.array) facts[member.name] = target.count;
    }
    const programs =
      valuesAt === undefined ? [] : readPrograms(elf, section, symbol.value + valuesAt, symbol.value + symbol.size);
    return { definition: definitionOf(name, facts), section: section.index, offset: symbol.value, programs };
  });
}

/** The entries of a program array that the source initialises: relocations in the map itself. */
function readPrograms(elf: ElfFile, section: Section, from: number, to: number): ObjectMap["programs"] {
  return (elf.relocations.get(section.index) ?? [])
    .filter(({ offset }) => offset >= from && offset < to)
    .map(({ offset, symbol }) => ({ index: (offset - from) / 8, name: symbol.name }));
}

function definitionOf(name: string, facts: Readonly<Record<string, number>>): MapDefinition {
  const type = mapTypeOf(facts.type ?? 0);
  // Sizes that the source may leave out, since the type has only one.
  const isReference = type === "prog-array" || type === "devmap" || type === "cpumap" || type === "xskmap";
  return {
    name,
    type,
    keySize: facts.key_size ?? (isReference ? 4 : 0),
    valueSize: facts.value_size ?? (isReference ? 4 : 0),
    maxEntries: facts.max_entries ?? 0,
  };
}

/** struct bpf_map_def: type, key size, value size, entries, flags. */
function readOldMaps(elf: ElfFile, section: Section): readonly ObjectMap[] {
  const view = new DataView(section.data.buffer, section.data.byteOffset, section.data.length);
  return elf.symbols
    .filter(({ section: index, type }) => index === section.index && type !== 3)
    .map(({ name, value }) => {
      if (value + 16 > section.data.length) throw new BpfError("OBJECT", `map ${name} is outside of its section`);
      const field = (index: number): number => view.getUint32(value + index * 4, !elf.bigEndian);
      const facts = { type: field(0), key_size: field(1), value_size: field(2), max_entries: field(3) };
      return { definition: definitionOf(name, facts), section: section.index, offset: value, programs: [] };
    });
}
