/** Kinds of maps, by Linux's numbers, and what a map must be told. */

import { BpfError } from "../errors.ts";

export const MAP_TYPES = {
  hash: 1,
  array: 2,
  "prog-array": 3,
  "percpu-hash": 5,
  "percpu-array": 6,
  "lru-hash": 9,
  "lru-percpu-hash": 10,
  "lpm-trie": 11,
  devmap: 14,
  sockmap: 15,
  cpumap: 16,
  xskmap: 17,
  "reuseport-sockarray": 20,
  queue: 22,
  stack: 23,
  "devmap-hash": 25,
  ringbuf: 27,
} as const;

/** The kinds of maps. */
export type MapType = keyof typeof MAP_TYPES;

/** What a map is made of. */
export interface MapDefinition {
  readonly name: string;
  readonly type: MapType;
  /** Bytes. */
  readonly keySize: number;
  /** Bytes. */
  readonly valueSize: number;
  /** For a ring buffer, its size in bytes. */
  readonly maxEntries: number;
  /** The first value of the first entry: a section of global variables. */
  readonly initial?: Uint8Array | undefined;
  /** True if programs only read it, as `.rodata`. */
  readonly readOnly?: boolean | undefined;
}

/** Results of map operations: zero, or one of these (Linux's numbers, negative). */
export const ERRNO = {
  EPERM: -1,
  ENOENT: -2,
  E2BIG: -7,
  ENOMEM: -12,
  EBUSY: -16,
  EEXIST: -17,
  EINVAL: -22,
  EOPNOTSUPP: -95,
} as const;

/** Flags of an update. */
export const UPDATE = { any: 0, noExist: 1, exist: 2 } as const;

const NAMES = new Map(Object.entries(MAP_TYPES).map(([name, type]) => [type as number, name as MapType]));

export function mapTypeOf(number: number): MapType {
  const type = NAMES.get(number);
  if (type === undefined) {
    throw new BpfError("MAP", `map type ${number} is not supported; there are ${[...NAMES.values()].join(", ")}`);
  }
  return type;
}

const MAX_KEY = 512;
const MAX_VALUE = 1 << 20;
const MAX_ENTRIES = 1 << 24;

/** Maps whose keys are a number of four bytes. */
const INDEXED = new Set<MapType>([
  "array",
  "percpu-array",
  "prog-array",
  "devmap",
  "devmap-hash",
  "sockmap",
  "cpumap",
  "xskmap",
  "reuseport-sockarray",
]);

/** Throws a `BpfError` for sizes that no map of this type has. */
export function checkDefinition({ name, type, keySize, valueSize, maxEntries, initial }: MapDefinition): void {
  const refuse = (reason: string): never => {
    throw new BpfError("MAP", `map ${name} (${type}): ${reason}`);
  };
  for (const [what, value, most] of [
    ["a key", keySize, MAX_KEY],
    ["a value", valueSize, MAX_VALUE],
    ["entries", maxEntries, type === "ringbuf" ? 1 << 28 : MAX_ENTRIES],
  ] as const) {
    if (!Number.isInteger(value) || value < 0 || value > most) refuse(`${value} for ${what}; at most ${most}`);
  }
  if (maxEntries === 0) refuse("it has no entries");
  if (type === "ringbuf") {
    if (keySize !== 0 || valueSize !== 0) refuse("a ring buffer has neither keys nor values");
    if (maxEntries < 8 || (maxEntries & (maxEntries - 1)) !== 0) {
      refuse(`its size is ${maxEntries}; it must be a power of two`);
    }
    return;
  }
  if (valueSize === 0) refuse("a value has no bytes");
  if (type === "queue" || type === "stack") {
    if (keySize !== 0) refuse("it has no keys");
  } else if (INDEXED.has(type)) {
    if (keySize !== 4) refuse(`a key has ${keySize} bytes; it must have 4`);
  } else if (type === "lpm-trie") {
    if (keySize < 5 || keySize > 260) refuse(`a key has ${keySize} bytes; it is a length of 4 bytes and 1 to 256 more`);
  } else if (keySize === 0) refuse("a key has no bytes");
  if (initial !== undefined && initial.length > valueSize) refuse("its first value is too long");
}
