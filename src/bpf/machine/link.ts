/** Puts addresses in the place of maps and global variables. */

import { BpfError } from "../errors.ts";
import { type Code, IMMEDIATE_64, type Load64 } from "../isa/index.ts";
import { type BpfMap, HEADER } from "../maps/index.ts";
import type { Arena } from "../memory/index.ts";

/** `maps` is indexed by what the instructions name: places in the machine. */
export function linkCode(code: Code, maps: readonly BpfMap[], arena: Arena): Code {
  return code.map((operation, pc) => {
    if (operation?.kind !== "load64" || operation.type === IMMEDIATE_64.value) return operation;
    return { ...operation, type: IMMEDIATE_64.value, low: addressOf(operation, pc, maps, arena), high: 0 };
  });
}

function addressOf({ type, low, high }: Load64, pc: number, maps: readonly BpfMap[], arena: Arena): number {
  const map = maps[low];
  switch (type) {
    case IMMEDIATE_64.mapByDescriptor:
    case IMMEDIATE_64.mapByIndex:
      if (map === undefined) throw new BpfError("OBJECT", `there is no map ${low}`, { pc });
      if (high !== 0) throw new BpfError("OBJECT", "a map with an offset", { pc });
      return map.address;
    case IMMEDIATE_64.mapValueByDescriptor:
    case IMMEDIATE_64.mapValueByIndex: {
      if (map === undefined) throw new BpfError("OBJECT", `there is no map ${low}`, { pc });
      const { type: kind, valueSize } = map.definition;
      if (kind !== "array" || high < 0 || high > valueSize) {
        throw new BpfError("OBJECT", `offset ${high} in the values of map ${map.definition.name} (${kind})`, { pc });
      }
      return arena.view.getUint32(map.address + HEADER.values, true) + high;
    }
    default:
      throw new BpfError("OBJECT", `a 64-bit immediate of kind ${type} is not supported`, { pc });
  }
}
