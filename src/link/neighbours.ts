/**
 * The neighbour cache that ARP and neighbour discovery share, with the states of RFC 4861 §7.3.2, which Linux uses for
 * ARP too. It owns the link addresses, the packets that wait for one, and when to ask; how to ask is its owner's.
 */

import { type Rng, uniform } from "../base/rng.ts";
import { after, type Instant, type Micros, millis, seconds } from "../base/time.ts";
import { HeapTimer, TimerHeap } from "../base/timer-heap.ts";
import { addressKey } from "../wire/ip-address.ts";
import type { MacAddress } from "./mac.ts";

/** RFC 4861 §10. */
const MAX_SOLICITATIONS = 3;
const RETRANSMIT_TIME = seconds(1);
const DELAY_FIRST_PROBE = seconds(5);
const BASE_REACHABLE_TIME = seconds(30);
/** After a failure, packets are refused for this time, so that an absent neighbour costs few requests (RFC 1122 §2.3.2.1). */
const FAILURE_TIME = seconds(2);
/** An address that changed may not change again within this time: two stations that claim it do not flap. */
const LOCK_TIME = seconds(1);

const MAX_ENTRIES = 1_024;
/** RFC 1122 §2.3.2.2 asks for one packet at least; a datagram of 64 KiB in small fragments has 52. */
const MAX_PENDING = 64;
const MAX_PENDING_BYTES = 131_072;

export type NeighbourState = "INCOMPLETE" | "REACHABLE" | "STALE" | "DELAY" | "PROBE" | "FAILED" | "PERMANENT";

export interface Neighbour {
  readonly address: Uint8Array;
  readonly state: NeighbourState;
  readonly mac: MacAddress | undefined;
}

interface Entry {
  readonly address: Uint8Array;
  state: NeighbourState;
  mac: MacAddress | undefined;
  solicitations: number;
  changedAt: Instant;
  pending: Uint8Array[];
  pendingBytes: number;
  readonly timer: HeapTimer<Entry>;
}

export interface NeighbourOwner {
  /** Asks for the address: all stations, or the one that had it. */
  solicit(address: Uint8Array, cached: MacAddress | undefined, now: Instant): void;
  /** Sends a frame that waited; its destination is not yet filled in. */
  deliver(frame: Uint8Array, mac: MacAddress, now: Instant): void;
  /** Nobody answers for the address; `frames` waited for it. */
  unreachable(address: Uint8Array, frames: readonly Uint8Array[], now: Instant): void;
}

/** What a message about a neighbour says. */
export interface Advertisement {
  /** It answers a request of ours, so the neighbour is reachable in both directions. */
  readonly isSolicited: boolean;
  /** It may replace another address; true by default. */
  readonly overrides?: boolean;
  /** It may create an entry. */
  readonly creates: boolean;
}

export class Neighbours {
  readonly #owner: NeighbourOwner;
  readonly #rng: Rng;
  readonly #entries = new Map<number | string, Entry>();
  readonly #timers = new TimerHeap<Entry>();
  /** Packets that were dropped because too many waited. */
  overflows = 0;

  constructor(owner: NeighbourOwner, rng: Rng) {
    this.#owner = owner;
    this.#rng = rng;
  }

  get size(): number {
    return this.#entries.size;
  }

  *[Symbol.iterator](): Iterator<Neighbour> {
    yield* this.#entries.values();
  }

  get(address: Uint8Array): Neighbour | undefined {
    return this.#entries.get(addressKey(address));
  }

  /** The link address to send to now. Without one, `frame()` makes a copy that waits for it. */
  resolve(address: Uint8Array, frame: () => Uint8Array, now: Instant): MacAddress | undefined {
    const entry = this.#entries.get(addressKey(address)) ?? this.#create(address, now);
    if (entry.state === "FAILED") {
      this.#owner.unreachable(address, [frame()], now);
      return undefined;
    }
    if (entry.mac === undefined) {
      this.#queue(entry, frame());
      if (entry.solicitations === 0) this.#solicit(entry, now);
      return undefined;
    }
    if (entry.state === "STALE") this.#enter(entry, "DELAY", now, DELAY_FIRST_PROBE);
    return entry.mac;
  }

  /** Something was received that shows that packets reach the neighbour, such as a TCP acknowledgement. */
  confirm(address: Uint8Array, now: Instant): void {
    const entry = this.#entries.get(addressKey(address));
    if (entry === undefined || entry.mac === undefined) return;
    if (entry.state === "DELAY" || entry.state === "PROBE" || entry.state === "STALE")
      this.#becomeReachable(entry, now);
  }

  /** It may not be reachable: the next packet leads to a probe. */
  suspect(address: Uint8Array, now: Instant): void {
    const entry = this.#entries.get(addressKey(address));
    if (entry?.state === "REACHABLE") this.#enter(entry, "STALE", now);
  }

  /** A message says that the address is at `mac`. Returns true if there is an entry for it. */
  learn(address: Uint8Array, mac: MacAddress, advertisement: Advertisement, now: Instant): boolean {
    const { isSolicited, creates, overrides = true } = advertisement;
    let entry = this.#entries.get(addressKey(address));
    if (entry === undefined) {
      if (!creates) return false;
      entry = this.#create(address, now);
    }
    if (entry.state === "PERMANENT") return true;
    const isNew = entry.mac === undefined;
    if (!isNew && entry.mac !== mac) {
      if (!overrides || now - entry.changedAt < LOCK_TIME) {
        // RFC 4861 §7.2.5: what it says differs, so ask before trusting the cached address again.
        if (entry.state === "REACHABLE") this.#enter(entry, "STALE", now);
        return true;
      }
    }
    if (entry.mac !== mac) {
      entry.mac = mac;
      entry.changedAt = now;
      if (!isSolicited || entry.state === "FAILED") this.#enter(entry, "STALE", now);
    }
    if (isSolicited) this.#becomeReachable(entry, now);
    this.#flush(entry, now);
    return true;
  }

  /** A configured entry, which nothing received replaces. */
  setPermanent(address: Uint8Array, mac: MacAddress, now: Instant): void {
    const entry = this.#entries.get(addressKey(address)) ?? this.#create(address, now);
    entry.mac = mac;
    this.#enter(entry, "PERMANENT", now);
    this.#flush(entry, now);
  }

  remove(address: Uint8Array): void {
    const entry = this.#entries.get(addressKey(address));
    if (entry !== undefined) this.#delete(entry);
  }

  nextTimeout(): Instant | undefined {
    return this.#timers.next;
  }

  handleTimeout(now: Instant): void {
    for (let entry = this.#timers.popExpired(now); entry !== undefined; entry = this.#timers.popExpired(now)) {
      this.#expire(entry, now);
    }
  }

  #expire(entry: Entry, now: Instant): void {
    switch (entry.state) {
      case "INCOMPLETE":
      case "PROBE":
        if (entry.solicitations < MAX_SOLICITATIONS) this.#solicit(entry, now);
        else this.#fail(entry, now);
        break;
      case "REACHABLE":
        this.#enter(entry, "STALE", now);
        break;
      case "DELAY":
        entry.solicitations = 0;
        this.#enter(entry, "PROBE", now);
        this.#solicit(entry, now);
        break;
      case "FAILED":
        this.#delete(entry);
        break;
      default:
        break;
    }
  }

  #fail(entry: Entry, now: Instant): void {
    const waited = entry.pending;
    entry.pending = [];
    entry.pendingBytes = 0;
    entry.mac = undefined;
    this.#enter(entry, "FAILED", now, FAILURE_TIME);
    this.#owner.unreachable(entry.address, waited, now);
  }

  #solicit(entry: Entry, now: Instant): void {
    entry.solicitations += 1;
    this.#timers.set(entry.timer, after(now, RETRANSMIT_TIME));
    this.#owner.solicit(entry.address, entry.mac, now);
  }

  #becomeReachable(entry: Entry, now: Instant): void {
    entry.solicitations = 0;
    // RFC 4861 §6.3.2: random, so that neighbours do not ask in step.
    this.#enter(entry, "REACHABLE", now, millis((BASE_REACHABLE_TIME / 1_000) * (0.5 + uniform(this.#rng))));
  }

  #enter(entry: Entry, state: NeighbourState, now: Instant, span?: Micros): void {
    entry.state = state;
    this.#timers.set(entry.timer, span === undefined ? undefined : after(now, span));
  }

  #queue(entry: Entry, frame: Uint8Array): void {
    entry.pending.push(frame);
    entry.pendingBytes += frame.length;
    while (entry.pending.length > MAX_PENDING || (entry.pendingBytes > MAX_PENDING_BYTES && entry.pending.length > 1)) {
      entry.pendingBytes -= entry.pending.shift()!.length;
      this.overflows += 1;
    }
  }

  #flush(entry: Entry, now: Instant): void {
    if (entry.mac === undefined || entry.pending.length === 0) return;
    const frames = entry.pending;
    entry.pending = [];
    entry.pendingBytes = 0;
    for (const frame of frames) this.#owner.deliver(frame, entry.mac, now);
  }

  #create(address: Uint8Array, now: Instant): Entry {
    if (this.#entries.size >= MAX_ENTRIES) this.#evict();
    const entry: Omit<Entry, "timer"> & { timer?: HeapTimer<Entry> } = {
      address: address.slice(),
      state: "INCOMPLETE",
      mac: undefined,
      solicitations: 0,
      changedAt: (now - LOCK_TIME) as Instant,
      pending: [],
      pendingBytes: 0,
    };
    entry.timer = new HeapTimer<Entry>(entry as Entry);
    this.#entries.set(addressKey(address), entry as Entry);
    return entry as Entry;
  }

  /** The oldest entry that is not configured. */
  #evict(): void {
    for (const entry of this.#entries.values()) {
      if (entry.state === "PERMANENT") continue;
      this.#delete(entry);
      return;
    }
  }

  #delete(entry: Entry): void {
    this.#timers.set(entry.timer, undefined);
    this.#entries.delete(addressKey(entry.address));
  }
}
