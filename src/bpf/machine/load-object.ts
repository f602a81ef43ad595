/** Loads an object: creates its maps and loads its programs. */

import type { BpfObject } from "../elf/index.ts";
import { BpfError } from "../errors.ts";
import { type Code, IMMEDIATE_64 } from "../isa/index.ts";
import type { LoadedProgram, Machine } from "./machine.ts";

/** The programs by name. Programs of unknown kinds are left out. */
export function loadObject(machine: Machine, object: BpfObject): ReadonlyMap<string, LoadedProgram> {
  const first = machine.maps.length;
  const maps = object.maps.map(({ definition }) => machine.addMap(definition));
  const programs = new Map<string, LoadedProgram>();
  for (const { name, type, code, lineAt } of object.programs) {
    if (type === undefined) continue;
    programs.set(name, machine.load({ name, type, code: shiftMaps(code, first), lineAt }));
  }
  object.maps.forEach(({ programs: entries }, at) => {
    for (const { index, name } of entries) {
      const program = programs.get(name);
      if (program === undefined)
        throw new BpfError("OBJECT", `map ${object.maps[at]!.definition.name}: no program ${name}`);
      maps[at]!.set(word(index), word(program.index));
    }
  });
  return programs;
}

function shiftMaps(code: Code, by: number): Code {
  if (by === 0) return code;
  return code.map((operation) =>
    operation?.kind === "load64" && operation.type !== IMMEDIATE_64.value
      ? { ...operation, low: operation.low + by }
      : operation,
  );
}

function word(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value, true);
  return bytes;
}
