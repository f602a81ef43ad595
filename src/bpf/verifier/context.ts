/** What the parts of the verifier share: the program, its surroundings, and how to refuse it. */

import type { Helper } from "../helpers/index.ts";
import type { MapDefinition } from "../maps/index.ts";
import type { ProgramType } from "../program-types/index.ts";
import type { Scalar } from "./scalar.ts";
import type { Pointer } from "./value.ts";

/** Thrown within the verifier; the instruction and the registers are added outside. */
export class Refusal extends Error {}

export const refuse = (reason: string): never => {
  throw new Refusal(reason);
};

export class Surroundings {
  readonly type: ProgramType;
  /** By the numbers that instructions name. */
  readonly maps: readonly MapDefinition[];
  readonly helpers: ReadonlyMap<number, Helper>;
  /** Bytes of a raw program's memory. */
  readonly memory: number;
  #lastId = 0;

  constructor(type: ProgramType, maps: readonly MapDefinition[], helpers: ReadonlyMap<number, Helper>, memory: number) {
    this.type = type;
    this.maps = maps;
    this.helpers = helpers;
    this.memory = memory;
  }

  /** For each call with a map: which one it is, or undefined if paths differ. */
  readonly calls = new Map<number, MapDefinition | undefined>();

  noteMap(pc: number, map: MapDefinition): void {
    this.calls.set(pc, !this.calls.has(pc) || this.calls.get(pc) === map ? map : undefined);
  }

  newId(): number {
    this.#lastId += 1;
    return this.#lastId;
  }
}

/** The least and the greatest distance of a pointer from its start. */
export function distances({ offset, variable }: Pointer, more: number): readonly [least: number, most: number] {
  const [smin, smax]: readonly [bigint, bigint] = variable === undefined ? [0n, 0n] : [variable.smin, variable.smax];
  return [offset + more + Number(smin), offset + more + Number(smax)];
}

/** Unknown distances are limited, so that no sum of them wraps around. */
export const MAX_DISTANCE = 1n << 29n;

export const isBounded = ({ smin, smax }: Scalar): boolean => smin >= -MAX_DISTANCE && smax <= MAX_DISTANCE;
