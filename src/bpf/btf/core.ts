/**
 * CO-RE, "compile once, run everywhere": an instruction that depends on the place or size of a field is changed to what the
 * target's types say. Types are found by name; a flavour after `___` is ignored.
 */

import { BpfError } from "../errors.ts";
import type { CoreRelocation } from "./extension.ts";
import { type Btf, type BtfMember, type BtfType, KIND } from "./types.ts";

/** What a relocation asks for (the kernel's enum bpf_core_relo_kind). */
export const CORE = {
  fieldOffset: 0,
  fieldSize: 1,
  fieldExists: 2,
  fieldSigned: 3,
  fieldLeftShift: 4,
  fieldRightShift: 5,
  localType: 6,
  targetType: 7,
  typeExists: 8,
  typeSize: 9,
  enumExists: 10,
  enumValue: 11,
  typeMatches: 12,
} as const;

interface Field {
  /** Bits from the start of the outermost type. */
  readonly offset: number;
  readonly type: number;
  readonly member: BtfMember | undefined;
}

/** Members without names within each other. */
const MAX_ANONYMOUS = 16;

const baseName = (name: string): string => name.replace(/___.*$/, "");

/** The value that the instruction should have, or undefined if the target has no such type or field. */
export function resolveCore(relocation: CoreRelocation, local: Btf, target: Btf): bigint | undefined {
  const { kind, type, access } = relocation;
  const path = access.split(":").map(Number);
  if (path.some((index) => !Number.isInteger(index) || index < 0)) {
    throw new BpfError("BTF", `a CO-RE access "${access}"`);
  }
  const source = local.resolve(type);
  const candidate = findType(source.type, target);
  switch (kind) {
    case CORE.localType:
      return BigInt(type);
    case CORE.typeExists:
    case CORE.typeMatches:
      return candidate === undefined ? 0n : 1n;
    case CORE.targetType:
      return candidate === undefined ? undefined : BigInt(candidate);
    case CORE.typeSize:
      return candidate === undefined ? undefined : BigInt(target.size(candidate));
    case CORE.enumExists:
    case CORE.enumValue: {
      const name = source.type.values[path[0] ?? 0]?.name;
      const found =
        candidate === undefined || name === undefined
          ? undefined
          : target.type(candidate).values.find((each) => baseName(each.name) === baseName(name));
      return kind === CORE.enumExists ? (found === undefined ? 0n : 1n) : found?.value;
    }
  }
  const field = candidate === undefined ? undefined : followPath(path, source.id, candidate, local, target);
  if (kind === CORE.fieldExists) return field === undefined ? 0n : 1n;
  return field === undefined ? undefined : fieldFact(kind, field, target);
}

function findType({ kind, name }: BtfType, target: Btf): number | undefined {
  const wanted = baseName(name);
  if (wanted === "") return undefined;
  const index = target.types.findIndex((each) => each.kind === kind && baseName(each.name) === wanted);
  return index < 0 ? undefined : index;
}

/** Walks both types at once: indices in the local one, names in the target. */
function followPath(path: readonly number[], from: number, to: number, local: Btf, target: Btf): Field | undefined {
  let localType = from;
  let field: Field = { offset: (path[0] ?? 0) * target.size(to) * 8, type: to, member: undefined };
  for (const index of path.slice(1)) {
    const { type } = local.resolve(localType);
    if (type.kind === KIND.array) {
      const element = target.resolve(field.type).type;
      if (element.kind !== KIND.array) return undefined;
      field = {
        offset: field.offset + index * target.size(element.element) * 8,
        type: element.element,
        member: undefined,
      };
      localType = type.element;
      continue;
    }
    const member = type.members[index];
    if (member === undefined) throw new BpfError("BTF", `type ${localType} has no member ${index}`);
    localType = member.type;
    // An anonymous member is transparent: the next name is looked for through it.
    if (member.name === "") continue;
    const found = findMember(member.name, field.type, target);
    if (found === undefined) return undefined;
    field = { ...found, offset: field.offset + found.offset };
  }
  return field;
}

/** `walked` has the types that were looked through in vain: members without names may share their types. */
function findMember(
  name: string,
  id: number,
  target: Btf,
  walked: Set<number> = new Set(),
  depth = 0,
): Field | undefined {
  if (depth > MAX_ANONYMOUS) throw new BpfError("BTF", `type ${id} is nested too deeply, or refers to itself`);
  if (walked.has(id)) return undefined;
  walked.add(id);
  for (const member of target.resolve(id).type.members) {
    if (member.name === name) return { offset: member.offset, type: member.type, member };
    if (member.name !== "") continue;
    const inner = findMember(name, member.type, target, walked, depth + 1);
    if (inner !== undefined) return { ...inner, offset: inner.offset + member.offset };
  }
  return undefined;
}

function fieldFact(kind: number, { offset, type, member }: Field, target: Btf): bigint | undefined {
  const size = target.size(type);
  const bits = member?.bits ? member.bits : size * 8;
  // A bit field is read as a whole unit of its type.
  const start = bits === size * 8 ? offset : offset - (offset % (size * 8));
  const shift = 64 - (offset - start + bits);
  const isWhole = Number.isSafeInteger(start) && start % 8 === 0;
  if (!isWhole || (bits !== size * 8 && offset - start + bits > size * 8)) {
    throw new BpfError("BTF", `a field of ${bits} bits at bit ${offset}, in a type of ${size} bytes`);
  }
  switch (kind) {
    case CORE.fieldOffset:
      return BigInt(start / 8);
    case CORE.fieldSize:
      return BigInt(size);
    case CORE.fieldSigned:
      return target.resolve(type).type.isSigned ? 1n : 0n;
    case CORE.fieldLeftShift:
      return BigInt(shift);
    case CORE.fieldRightShift:
      return BigInt(64 - bits);
    default:
      throw new BpfError("BTF", `a CO-RE relocation of the unknown kind ${kind}`);
  }
}
