/**
 * A ring buffer: programs reserve, fill and submit records; the host drains them in order. A record is contiguous, because
 * the storage is twice the ring's size, where the kernel maps it twice. Each record takes 8 bytes more than its data.
 */

import type { Region } from "../memory/index.ts";
import { ERRNO, type MapDefinition } from "./definition.ts";
import { align, BpfMap, type MapEnvironment } from "./map.ts";

const RECORD_HEADER = 8;
const BUSY = 0x8000_0000;
const DISCARDED = 0x4000_0000;
const LENGTH = 0x3fff_ffff;

/** A ring buffer, from programs to their users. */
export class RingBuffer extends BpfMap {
  readonly regions: readonly Region[];
  readonly #data: number;
  readonly #size: number;
  /** What is known of the record at each 8 bytes of the ring. Programs cannot reach it. */
  readonly #headers: Uint32Array;
  #produced = 0;
  #consumed = 0;

  constructor(definition: MapDefinition, index: number, environment: MapEnvironment) {
    super(definition, index, environment);
    this.#size = definition.maxEntries;
    this.#headers = new Uint32Array(this.#size / 8);
    this.#data = this.arena.allocate(this.#size * 2);
    this.regions = [{ start: this.#data, end: this.#data + this.#size * 2, writable: true }];
  }

  /** The address of `length` bytes, or 0 if there is no room. */
  reserve(length: number): number {
    if (length > LENGTH) return 0;
    const total = align(length) + RECORD_HEADER;
    // As on Linux, a ring is never quite full.
    if (total >= this.#size - (this.#produced - this.#consumed)) return 0;
    const offset = this.#produced % this.#size;
    this.#headers[offset / 8] = (length | BUSY) >>> 0;
    this.#produced += total;
    return this.#data + offset + RECORD_HEADER;
  }

  /** Returns false if there is no reserved record at this address. */
  commit(address: number, isDiscarded: boolean): boolean {
    const offset = address - RECORD_HEADER - this.#data;
    const header = offset % 8 === 0 ? (this.#headers[offset / 8] ?? 0) : 0;
    if ((header & BUSY) === 0) return false;
    this.#headers[offset / 8] = ((header & LENGTH) | (isDiscarded ? DISCARDED : 0)) >>> 0;
    return true;
  }

  /** Adds a record. */
  output(from: number, length: number): number {
    const to = this.reserve(length);
    if (to === 0) return ERRNO.ENOMEM;
    this.arena.bytes.copyWithin(to, from, from + length);
    this.commit(to, false);
    return 0;
  }

  /** bpf_ringbuf_query's numbers: bytes that wait, the size, and both positions. */
  query(what: number): number {
    return [this.#produced - this.#consumed, this.#size, this.#consumed, this.#produced][what] ?? 0;
  }

  /** Copies of the records that were submitted, oldest first; stops at one that is still being written. */
  *drain(): IterableIterator<Uint8Array<ArrayBuffer>> {
    while (this.#consumed < this.#produced) {
      const offset = this.#consumed % this.#size;
      const header = this.#headers[offset / 8]!;
      if ((header & BUSY) !== 0) return;
      const length = header & LENGTH;
      const from = this.#data + offset + RECORD_HEADER;
      const record = this.arena.bytes.slice(from, from + length);
      this.#headers[offset / 8] = 0;
      this.#consumed += align(length) + RECORD_HEADER;
      if ((header & DISCARDED) === 0) yield record;
    }
  }

  override lookup(): number {
    return 0;
  }

  override update(): number {
    return ERRNO.EOPNOTSUPP;
  }

  override delete(): number {
    return ERRNO.EOPNOTSUPP;
  }

  override *keys(): IterableIterator<Uint8Array<ArrayBuffer>> {}
}
