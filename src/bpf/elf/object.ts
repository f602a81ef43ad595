/** An object file as clang writes it: programs, maps, and where each instruction comes from. */

import { type Btf, CORE, type CoreRelocation, parseBtf, parseBtfExtension, resolveCore } from "../btf/index.ts";
import { BpfError, type SourceLine } from "../errors.ts";
import { type Code, IMMEDIATE, IMMEDIATE_64, type Operation } from "../isa/index.ts";
import { type ProgramType, programTypeOfSection } from "../program-types/index.ts";
import { type ElfFile, parseElf, type Section, stringAt } from "./elf-file.ts";
import { FunctionLinker, isCode, readFunctions } from "./functions.ts";
import { isData, type ObjectMap, readMaps } from "./map-section.ts";

/** A program of an object file. */
export interface ObjectProgram {
  readonly name: string;
  readonly section: string;
  /** By the name of the section; undefined if no kind of program here has such sections. */
  readonly type: ProgramType | undefined;
  /** Maps are named by their place in `BpfObject.maps`. */
  readonly code: Code;
  readonly lineAt: (pc: number) => SourceLine | undefined;
}

/** What an object file holds. */
export interface BpfObject {
  readonly programs: readonly ObjectProgram[];
  readonly maps: readonly ObjectMap[];
  readonly license: string;
  readonly btf: Btf | undefined;
}

/** How an object file is read. */
export interface ObjectOptions {
  /** The types that CO-RE relocations are resolved against; by default, the object's own. */
  readonly targetBtf?: Btf | undefined;
}

const R_BPF_64_64 = 1;
/** What libbpf calls instead of an instruction that the target does not support. */
const POISONED_HELPER = 195_896_080;

/** Throws a `BpfError`. */
export function parseObject(bytes: Uint8Array, { targetBtf }: ObjectOptions = {}): BpfObject {
  const elf = parseElf(bytes);
  const sectionData = (name: string): Uint8Array | undefined => elf.sections.find((each) => each.name === name)?.data;
  const btfBytes = sectionData(".BTF");
  const btf = btfBytes && parseBtf(btfBytes);
  const extensionBytes = sectionData(".BTF.ext");
  const extension = btf && extensionBytes ? parseBtfExtension(extensionBytes, btf) : undefined;
  const maps = readMaps(elf, btf);
  const cores = new Map<string, Map<number, CoreRelocation>>();
  for (const [section, list] of extension?.relocations ?? []) {
    cores.set(section, new Map(list.map((each) => [each.offset / 8, each])));
  }
  const relocate = (operation: Operation, section: Section, slot: number): Operation => {
    const core = cores.get(section.name)?.get(slot);
    if (core !== undefined && btf !== undefined) return applyCore(operation, core, btf, targetBtf ?? btf, slot);
    if (operation.kind !== "load64") return operation;
    const relocation = elf.relocations
      .get(section.index)
      ?.find(({ offset, type }) => offset === slot * 8 && type === R_BPF_64_64);
    return relocation === undefined ? operation : relocateLoad(operation, relocation.symbol, elf, maps, slot);
  };
  const functions = readFunctions(elf);
  const linker = new FunctionLinker(elf, functions, relocate);
  const programs = functions
    .filter(
      ({ section, isGlobal }) => isGlobal && isCode(elf.sections[section]!) && elf.sections[section]!.name !== ".text",
    )
    .map((entry) => {
      const section = elf.sections[entry.section]!.name;
      const { code, origins } = linker.layOut(entry);
      const lineAt = (pc: number): SourceLine | undefined => {
        const origin = origins[pc];
        return origin && findLine(extension?.lines.get(origin.section), origin.slot * 8);
      };
      return { name: entry.name, section, type: programTypeOfSection(section), code, lineAt };
    });
  const license = sectionData("license");
  return { programs, maps, license: license === undefined ? "" : stringAt(license, 0), btf };
}

type Lines = readonly { readonly offset: number; readonly line: SourceLine }[];

/** The last line that begins at or before an instruction. */
function findLine(lines: Lines | undefined, offset: number): SourceLine | undefined {
  if (lines === undefined) return undefined;
  let [low, high] = [0, lines.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (lines[middle]!.offset <= offset) low = middle + 1;
    else high = middle;
  }
  return lines[low - 1]?.line;
}

function relocateLoad(
  operation: Extract<Operation, { kind: "load64" }>,
  symbol: { readonly name: string; readonly section: number; readonly value: number },
  elf: ElfFile,
  maps: readonly ObjectMap[],
  pc: number,
): Operation {
  const section = elf.sections[symbol.section];
  if (symbol.section === 0 || section === undefined) {
    throw new BpfError("OBJECT", `${symbol.name} is not defined in this file`, { pc });
  }
  if (isData(section)) {
    const index = maps.findIndex((map) => map.section === section.index);
    const offset = symbol.value + operation.low;
    return { ...operation, type: IMMEDIATE_64.mapValueByIndex, low: index, high: offset };
  }
  const index = maps.findIndex((map) => map.section === section.index && map.offset === symbol.value + operation.low);
  if (index < 0) {
    throw new BpfError("OBJECT", `the address of ${symbol.name || section.name} is not supported; it is no map`, {
      pc,
    });
  }
  return { ...operation, type: IMMEDIATE_64.mapByIndex, low: index, high: 0 };
}

function applyCore(operation: Operation, core: CoreRelocation, local: Btf, target: Btf, pc: number): Operation {
  const value = resolveCore(core, local, target);
  // The type's number in the program's own BTF never changes.
  if (core.kind === CORE.localType) return operation;
  if (value === undefined) return { kind: "call", type: "helper", target: POISONED_HELPER };
  const number = Number(BigInt.asIntN(32, value));
  switch (operation.kind) {
    case "load":
    case "store":
      if (number > 32_767 || number < -32_768) throw new BpfError("BTF", `an offset of ${number} bytes`, { pc });
      return { ...operation, offset: number };
    case "load64":
      return { ...operation, low: number, high: Number(BigInt.asIntN(32, value >> 32n)) };
    case "alu":
      if (operation.src === IMMEDIATE) return { ...operation, imm: number };
  }
  throw new BpfError("BTF", `CO-RE cannot change a ${operation.kind}`, { pc });
}
