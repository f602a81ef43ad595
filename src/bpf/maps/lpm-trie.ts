/**
 * Longest-prefix match: a binary trie without chains of single children. A key is a length in bits (u32 of the host's
 * order) and the bits, most significant first.
 */

import type { Region } from "../memory/index.ts";
import { ERRNO, type MapDefinition, UPDATE } from "./definition.ts";
import { align, BpfMap, type MapEnvironment } from "./map.ts";

/** Fields of a node (u32); its bits follow. Nodes are named by index + 1. */
const NODE = { length: 0, isReal: 4, left: 8, right: 12, bits: 16 } as const;

export class LpmTrie extends BpfMap {
  readonly regions: readonly Region[];
  readonly #nodes: number;
  readonly #nodeStride: number;
  readonly #values: number;
  readonly #valueStride: number;
  readonly #maxBits: number;
  readonly #freeNodes: number[] = [];
  #root = 0;
  #lastNode = 0;

  constructor(definition: MapDefinition, index: number, environment: MapEnvironment) {
    super(definition, index, environment);
    const { keySize, valueSize, maxEntries } = definition;
    this.#maxBits = (keySize - 4) * 8;
    // n prefixes have at most n - 1 forks.
    const most = maxEntries * 2;
    this.#nodeStride = NODE.bits + align(keySize - 4);
    this.#valueStride = align(valueSize);
    this.#nodes = this.arena.allocate(this.#nodeStride * most);
    this.#values = this.arena.allocate(this.#valueStride * most);
    this.regions = [{ start: this.#values, end: this.#values + this.#valueStride * most, writable: true }];
  }

  #at(id: number): number {
    return this.#nodes + (id - 1) * this.#nodeStride;
  }

  #valueOf(id: number): number {
    return this.#values + (id - 1) * this.#valueStride;
  }

  #field(id: number, field: number): number {
    return this.arena.view.getUint32(this.#at(id) + field, true);
  }

  #bit(bits: number, index: number): number {
    return (this.arena.bytes[bits + (index >> 3)]! >> (7 - (index & 7))) & 1;
  }

  /** The number of leading bits that a node shares with a key. */
  #shared(id: number, bits: number, length: number): number {
    const { bytes } = this.arena;
    const own = this.#at(id) + NODE.bits;
    const most = Math.min(this.#field(id, NODE.length), length);
    let count = 0;
    for (let i = 0; count < most; i += 1) {
      const difference = bytes[own + i]! ^ bytes[bits + i]!;
      if (difference !== 0) return Math.min(most, count + Math.clz32(difference) - 24);
      count += 8;
    }
    return most;
  }

  override lookup(key: number): number {
    const length = this.arena.view.getUint32(key, true);
    if (length > this.#maxBits) return 0;
    const bits = key + 4;
    let found = 0;
    for (let id = this.#root; id !== 0; ) {
      const own = this.#field(id, NODE.length);
      if (this.#shared(id, bits, length) < own) break;
      if (this.#field(id, NODE.isReal) === 1) found = id;
      if (own === length || own === this.#maxBits) break;
      id = this.#field(id, this.#bit(bits, own) === 0 ? NODE.left : NODE.right);
    }
    return found === 0 ? 0 : this.#valueOf(found);
  }

  #create(bits: number, length: number, isReal: boolean): number {
    const id = this.#freeNodes.pop() ?? (this.#lastNode += 1);
    const at = this.#at(id);
    const { bytes, view } = this.arena;
    view.setUint32(at + NODE.length, length, true);
    view.setUint32(at + NODE.isReal, isReal ? 1 : 0, true);
    view.setUint32(at + NODE.left, 0, true);
    view.setUint32(at + NODE.right, 0, true);
    // Bits beyond the length mean nothing, and are kept as zeros.
    const [whole, rest, last] = [length >> 3, length & 7, this.#maxBits / 8];
    bytes.fill(0, at + NODE.bits, at + NODE.bits + last);
    bytes.copyWithin(at + NODE.bits, bits, bits + whole);
    if (rest > 0) bytes[at + NODE.bits + whole] = bytes[bits + whole]! & (0xff00 >> rest);
    return id;
  }

  #link(parent: number, side: number, child: number): void {
    if (parent === 0) this.#root = child;
    else this.arena.view.setUint32(this.#at(parent) + (side === 0 ? NODE.left : NODE.right), child, true);
  }

  override update(key: number, value: number, flags: number): number {
    const { view, bytes } = this.arena;
    const length = view.getUint32(key, true);
    if (length > this.#maxBits || flags > UPDATE.exist) return ERRNO.EINVAL;
    const bits = key + 4;
    let [parent, side, id, shared] = [0, 0, this.#root, 0];
    while (id !== 0) {
      const own = this.#field(id, NODE.length);
      shared = this.#shared(id, bits, length);
      if (shared !== own || own === length) break;
      [parent, side] = [id, this.#bit(bits, own)];
      id = this.#field(id, side === 0 ? NODE.left : NODE.right);
    }
    const isSame = id !== 0 && shared === length && this.#field(id, NODE.length) === length;
    const exists = isSame && this.#field(id, NODE.isReal) === 1;
    if (exists && flags === UPDATE.noExist) return ERRNO.EEXIST;
    if (!exists) {
      if (flags === UPDATE.exist) return ERRNO.ENOENT;
      if (this.read("count") >= this.definition.maxEntries) return ERRNO.E2BIG;
      this.write("count", this.read("count") + 1);
    }
    let target = id;
    if (isSame) view.setUint32(this.#at(id) + NODE.isReal, 1, true);
    else {
      target = this.#create(bits, length, true);
      if (id === 0) this.#link(parent, side, target);
      else if (shared === length) {
        this.#link(target, this.#bit(this.#at(id) + NODE.bits, shared), id);
        this.#link(parent, side, target);
      } else {
        const fork = this.#create(bits, shared, false);
        const way = this.#bit(bits, shared);
        this.#link(fork, way, target);
        this.#link(fork, 1 - way, id);
        this.#link(parent, side, fork);
      }
    }
    const to = this.#valueOf(target);
    bytes.copyWithin(to, value, value + this.definition.valueSize);
    return 0;
  }

  override delete(key: number): number {
    const { view } = this.arena;
    const length = view.getUint32(key, true);
    if (length > this.#maxBits) return ERRNO.EINVAL;
    const bits = key + 4;
    const path: (readonly [id: number, side: number])[] = [];
    let id = this.#root;
    while (id !== 0) {
      const own = this.#field(id, NODE.length);
      if (this.#shared(id, bits, length) !== own) return ERRNO.ENOENT;
      if (own === length) break;
      const side = this.#bit(bits, own);
      path.push([id, side]);
      id = this.#field(id, side === 0 ? NODE.left : NODE.right);
    }
    if (id === 0 || this.#field(id, NODE.isReal) === 0) return ERRNO.ENOENT;
    view.setUint32(this.#at(id) + NODE.isReal, 0, true);
    this.write("count", this.read("count") - 1);
    // Nodes that are neither prefixes nor forks disappear.
    for (;;) {
      const [left, right] = [this.#field(id, NODE.left), this.#field(id, NODE.right)];
      if (this.#field(id, NODE.isReal) === 1 || (left !== 0 && right !== 0)) return 0;
      const [parent, side] = path.pop() ?? [0, 0];
      this.#link(parent, side, left === 0 ? right : left);
      this.#freeNodes.push(id);
      if (parent === 0 || left !== 0 || right !== 0) return 0;
      id = parent;
    }
  }

  override *keys(): IterableIterator<Uint8Array<ArrayBuffer>> {
    const pending = [this.#root];
    for (let id = pending.pop(); id !== undefined; id = pending.pop()) {
      if (id === 0) continue;
      pending.push(this.#field(id, NODE.right), this.#field(id, NODE.left));
      if (this.#field(id, NODE.isReal) === 0) continue;
      const key = new Uint8Array(this.definition.keySize);
      const at = this.#at(id);
      key.set(this.arena.bytes.subarray(at, at + 4));
      key.set(this.arena.bytes.subarray(at + NODE.bits, at + NODE.bits + key.length - 4), 4);
      yield key;
    }
  }
}
