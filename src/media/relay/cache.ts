/**
 * What the relay keeps of a track: the newest groups, within bytes and age. A group is made of runs, one for each stream that a
 * publisher sent; objects grow while their payload comes. All viewers read the same bytes.
 */

import { after, type Instant, type Micros } from "../../base/time.ts";
import type { Location } from "../moq/model.ts";
import type { DatagramObject, ObjectHead, SubgroupStart } from "./model.ts";

/** Bytes that an object, and a piece of its payload, count beside the payload. */
const OBJECT_COST = 256;
const PIECE_COST = 96;
/** The newest group is kept if it is larger than that part of the limit, but its oldest objects are not. */
const MIN_OBJECTS = 1;

/** An object, complete or growing. */
export class CachedObject {
  readonly head: ObjectHead;
  readonly pieces: Uint8Array[] = [];
  received = 0;

  constructor(head: ObjectHead) {
    this.head = head;
  }

  get isComplete(): boolean {
    return this.received === this.head.length;
  }

  get cost(): number {
    return OBJECT_COST + this.received + PIECE_COST * this.pieces.length;
  }
}

/** A viewer's place in a run. */
export interface RunReader {
  /** There is more in the run, it ended, or its beginning was dropped. */
  handleRun(now: Instant): void;
}

/** A stream of objects, as the publisher sent it. */
export class Run {
  readonly group: CachedGroup;
  readonly start: SubgroupStart;
  readonly readers = new Set<RunReader>();
  state: "open" | "ended" | "reset" = "open";
  readonly #objects: CachedObject[] = [];
  /** Objects at the beginning that are not kept any more. */
  #dropped = 0;

  constructor(group: CachedGroup, start: SubgroupStart) {
    this.group = group;
    this.start = start;
  }

  /** The number of objects so far, those that were dropped included. */
  get length(): number {
    return this.#dropped + this.#objects.length;
  }

  /** The first object that is kept. */
  get first(): number {
    return this.#dropped;
  }

  /** By its place in the run; undefined if it is not there yet, or not any more. */
  at(index: number): CachedObject | undefined {
    return this.#objects[index - this.#dropped];
  }

  get last(): CachedObject | undefined {
    return this.#objects.at(-1);
  }

  push(object: CachedObject): void {
    this.#objects.push(object);
  }

  /** Drops the first object, unless it is one of the last; returns what it cost. */
  drop(): number {
    if (this.#objects.length <= MIN_OBJECTS) return 0;
    this.#dropped += 1;
    return this.#objects.shift()!.cost;
  }

  /** Drops everything. */
  clear(): void {
    this.#dropped += this.#objects.length;
    this.#objects.length = 0;
  }

  /** The place of the first object from `object` on that is kept. */
  indexFrom(object: number): number {
    let index = this.#dropped;
    while ((this.at(index)?.head.object ?? Number.POSITIVE_INFINITY) < object) index += 1;
    return index;
  }

  wake(now: Instant): void {
    for (const reader of this.readers) reader.handleRun(now);
  }
}

/** A group of a track. */
export class CachedGroup {
  readonly id: number;
  readonly runs: Run[] = [];
  readonly datagrams: DatagramObject[] = [];
  /** When a newer group began. */
  succeededAt: Instant | undefined;
  cost = 0;
  isEvicted = false;
  readonly cache: TrackCache;

  constructor(id: number, cache: TrackCache) {
    this.id = id;
    this.cache = cache;
  }

  /** True if a viewer can begin with it. */
  get isWhole(): boolean {
    return this.runs.every(({ first, start }) => first === 0 && start.isFromStart);
  }
}

/** The bytes of all tracks. */
export class CacheBudget {
  readonly limit: number;
  used = 0;
  /** The oldest first. */
  readonly #groups = new Set<CachedGroup>();

  constructor(limit: number) {
    this.limit = limit;
  }

  /** Groups of all tracks. */
  get groups(): number {
    return this.#groups.size;
  }

  add(group: CachedGroup): void {
    this.#groups.add(group);
  }

  remove(group: CachedGroup): void {
    this.#groups.delete(group);
    this.used -= group.cost;
  }

  /** Evicts the oldest groups, of whatever track, until the rest fits. */
  enforce(now: Instant): void {
    for (const group of this.#groups) {
      if (this.used <= this.limit) return;
      group.cache.evict(group, now);
    }
  }
}

/** Limits of one track. */
export interface CacheLimits {
  /** Bytes. */
  readonly maxBytes: number;
  /** How long a group is kept after a newer one began. */
  readonly maxAge: Micros;
}

/** The groups of one track. */
export class TrackCache {
  /** In the order in which they came. */
  readonly #groups = new Map<number, CachedGroup>();
  readonly #limits: CacheLimits;
  readonly #budget: CacheBudget;
  #cost = 0;
  #newest: CachedGroup | undefined;
  #largest: Location | undefined;
  /** The largest group that was evicted. */
  #floor = -1;

  constructor(limits: CacheLimits, budget: CacheBudget) {
    this.#limits = limits;
    this.#budget = budget;
  }

  /** The newest object that has begun; it stays when its group is evicted. */
  get largest(): Location | undefined {
    return this.#largest;
  }

  get newest(): CachedGroup | undefined {
    return this.#newest;
  }

  /** Bytes. */
  get cost(): number {
    return this.#cost;
  }

  get size(): number {
    return this.#groups.size;
  }

  /** The smallest group that is kept. */
  get oldest(): number | undefined {
    return this.#groups.size === 0 ? undefined : Math.min(...this.#groups.keys());
  }

  /** The groups from one on, by number. */
  from(id: number): CachedGroup[] {
    return [...this.#groups.values()].filter((group) => group.id >= id).sort((a, b) => a.id - b.id);
  }

  get(id: number): CachedGroup | undefined {
    return this.#groups.get(id);
  }

  /** The group, which is made if it is new; undefined if it is older than what is kept. */
  group(id: number, now: Instant): CachedGroup | undefined {
    const known = this.#groups.get(id);
    if (known !== undefined) return known;
    if (id <= this.#floor) return undefined;
    const group = new CachedGroup(id, this);
    this.#groups.set(id, group);
    this.#budget.add(group);
    this.#count(group, OBJECT_COST);
    if (this.#newest === undefined || id > this.#newest.id) {
      if (this.#newest !== undefined) this.#newest.succeededAt = now;
      this.#newest = group;
    } else {
      group.succeededAt = now;
    }
    return group;
  }

  /** Adds an object to a run. */
  object(run: Run, head: ObjectHead, now: Instant): CachedObject {
    const object = new CachedObject(head);
    run.push(object);
    this.#noteLargest(run.group.id, head.object);
    this.#count(run.group, OBJECT_COST);
    this.#enforce(now);
    return object;
  }

  /** Adds a piece to the last object of a run. Returns false if the group was evicted. */
  payload(run: Run, bytes: Uint8Array, now: Instant): boolean {
    const object = run.last;
    if (run.group.isEvicted || object === undefined) return false;
    object.pieces.push(bytes);
    object.received += bytes.length;
    this.#count(run.group, bytes.length + PIECE_COST);
    this.#enforce(now);
    return true;
  }

  datagram(group: CachedGroup, object: DatagramObject, now: Instant): void {
    group.datagrams.push(object);
    this.#noteLargest(group.id, object.object);
    this.#count(group, OBJECT_COST + object.payload.length);
    this.#enforce(now);
  }

  /** Drops a group: those that still read it hear that they are late. */
  evict(group: CachedGroup, now: Instant): void {
    if (group.isEvicted) return;
    group.isEvicted = true;
    this.#groups.delete(group.id);
    this.#floor = Math.max(this.#floor, group.id);
    this.#cost -= group.cost;
    this.#budget.remove(group);
    for (const run of group.runs) {
      run.clear();
      run.wake(now);
    }
    if (this.#newest === group) this.#newest = undefined;
  }

  /** Drops groups that are too old; returns when the next one is. */
  handleAge(now: Instant): Instant | undefined {
    let next: Instant | undefined;
    for (const group of [...this.#groups.values()]) {
      if (group.succeededAt === undefined) continue;
      const due = after(group.succeededAt, this.#limits.maxAge);
      if (due <= now) this.evict(group, now);
      else if (next === undefined || due < next) next = due;
    }
    return next;
  }

  /** Drops everything, so that groups may begin again with any number. */
  clear(now: Instant): void {
    for (const group of [...this.#groups.values()]) this.evict(group, now);
    this.#floor = -1;
    this.#largest = undefined;
  }

  #noteLargest(group: number, object: number): void {
    const largest = this.#largest;
    if (largest === undefined || group > largest.group || (group === largest.group && object > largest.object)) {
      this.#largest = { group, object };
    }
  }

  #count(group: CachedGroup, cost: number): void {
    group.cost += cost;
    this.#cost += cost;
    this.#budget.used += cost;
  }

  #enforce(now: Instant): void {
    if (this.#cost > this.#limits.maxBytes) this.#shrink(now);
    if (this.#budget.used > this.#budget.limit) this.#budget.enforce(now);
  }

  /** Evicts the oldest groups; of the last one, its oldest objects, so that a track that never begins a new group is bounded too. */
  #shrink(now: Instant): void {
    for (const group of [...this.#groups.values()]) {
      if (this.#cost <= this.#limits.maxBytes) return;
      if (group !== this.#newest) this.evict(group, now);
    }
    const group = this.#newest;
    if (group === undefined) return;
    while (this.#cost > this.#limits.maxBytes) {
      const dropped = group.runs.reduce((sum, run) => sum + run.drop(), 0) + dropDatagram(group);
      if (dropped === 0) {
        // One object larger than the limit: nothing of it is kept.
        this.evict(group, now);
        return;
      }
      this.#count(group, -dropped);
    }
    for (const run of group.runs) run.wake(now);
  }
}

function dropDatagram(group: CachedGroup): number {
  if (group.datagrams.length < 2) return 0;
  return OBJECT_COST + group.datagrams.shift()!.payload.length;
}
