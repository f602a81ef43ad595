/**
 * The one memory of a machine: stacks, contexts, packets and all maps live in one WebAssembly memory of 32-bit addresses,
 * which the interpreter, compiled programs and helpers share. A pointer of a program is an offset in it.
 */

import { BpfError } from "../errors.ts";
import { FIRST_FREE, MAX_REGIONS, REGION_BYTES, REGION_COUNT, REGIONS } from "./layout.ts";
import { type WasmMemory, webAssembly } from "./webassembly.ts";

const PAGE = 65_536;
const DEFAULT_LIMIT = 256 * 1024 * 1024;

/** Bytes that a program may access. */
export interface Region {
  readonly start: number;
  /** Exclusive. */
  readonly end: number;
  readonly writable: boolean;
}

export class Arena {
  readonly memory: WasmMemory;
  readonly #limit: number;
  #top = FIRST_FREE;
  #bytes: Uint8Array<ArrayBuffer>;
  #view: DataView<ArrayBuffer>;
  readonly #regions: { -readonly [K in keyof Region]: Region[K] }[] = [];

  /** `limit`: the most bytes that it may grow to; 256 MiB by default. */
  constructor({ limit = DEFAULT_LIMIT }: { readonly limit?: number } = {}) {
    this.#limit = limit;
    this.memory = new webAssembly.Memory({ initial: 2, maximum: Math.max(2, Math.ceil(limit / PAGE)) });
    this.#bytes = new Uint8Array(this.memory.buffer);
    this.#view = new DataView(this.memory.buffer);
  }

  /** Do not keep it: growth replaces it. */
  get bytes(): Uint8Array<ArrayBuffer> {
    return this.#bytes;
  }

  /** Do not keep it: growth replaces it. */
  get view(): DataView<ArrayBuffer> {
    return this.#view;
  }

  /** The address of `length` zero bytes, aligned to 8. They are never freed. */
  allocate(length: number): number {
    const address = this.#top;
    const top = address + Math.ceil(length / 8) * 8;
    if (top > this.#limit) {
      throw new BpfError("MAP", `${length} bytes do not fit in the ${this.#limit} bytes of this machine's memory`);
    }
    const missing = top - this.#bytes.length;
    if (missing > 0) {
      this.memory.grow(Math.ceil(missing / PAGE));
      this.#bytes = new Uint8Array(this.memory.buffer);
      this.#view = new DataView(this.memory.buffer);
    }
    this.#top = top;
    return address;
  }

  get regions(): readonly Region[] {
    return this.#regions;
  }

  /** Declares what programs may access. Compiled programs without a verifier's proof find the same table in memory. */
  setRegions(regions: readonly Region[]): void {
    if (regions.length > MAX_REGIONS) throw new BpfError("MAP", `more than ${MAX_REGIONS} regions of memory`);
    this.#regions.splice(0);
    this.#view.setUint32(REGION_COUNT, regions.length, true);
    regions.forEach(({ start, end, writable }, index) => {
      this.#regions.push({ start, end, writable });
      this.setRegion(index, start, end, writable);
    });
  }

  setRegion(index: number, start: number, end: number, writable: boolean): void {
    const region = this.#regions[index]!;
    region.start = start;
    region.end = end;
    region.writable = writable;
    const at = REGIONS + index * REGION_BYTES;
    this.#view.setUint32(at, start, true);
    this.#view.setUint32(at + 4, end, true);
    this.#view.setUint32(at + 8, writable ? 1 : 0, true);
  }
}
