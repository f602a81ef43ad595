/**
 * The packets of one packet number space that are neither acknowledged nor lost. Packet numbers are consecutive with
 * few exceptions, so this is a ring indexed by the packet number: adding, finding and removing take constant time,
 * however many packets are in flight.
 */

import type { SentPacket } from "./sent-packet.ts";

const INITIAL_CAPACITY = 8;

/**
 * The maximum span from the oldest packet to the next packet number. A peer that never acknowledges cannot make the
 * ring grow further: the oldest packets are evicted.
 */
export const MAX_SPAN = 65_536;

export class SentPackets {
  #slots: (SentPacket | undefined)[] = new Array(INITIAL_CAPACITY).fill(undefined);
  #mask = INITIAL_CAPACITY - 1;
  /** All packets have at least this number. */
  #base = 0;
  /** One more than the largest packet number added. */
  #end = 0;
  #size = 0;

  /** The smallest packet number in the ring, or `end` if it is empty. */
  get base(): number {
    return this.#base;
  }

  get end(): number {
    return this.#end;
  }

  /** The number of packets in the ring. */
  get size(): number {
    return this.#size;
  }

  /** Adds a packet whose number is at least `end`. Returns the packet evicted for it, if any. */
  add(packet: SentPacket): SentPacket | undefined {
    const { packetNumber } = packet;
    if (this.#size === 0) this.#base = packetNumber;
    let evicted: SentPacket | undefined;
    if (packetNumber - this.#base >= MAX_SPAN) evicted = this.take(this.#base);
    while (packetNumber - this.#base > this.#mask) this.#grow();
    this.#slots[packetNumber & this.#mask] = packet;
    this.#end = packetNumber + 1;
    this.#size += 1;
    return evicted;
  }

  get(packetNumber: number): SentPacket | undefined {
    if (packetNumber < this.#base || packetNumber >= this.#end) return undefined;
    return this.#slots[packetNumber & this.#mask];
  }

  /** Removes and returns a packet. */
  take(packetNumber: number): SentPacket | undefined {
    const packet = this.get(packetNumber);
    if (packet === undefined) return undefined;
    this.#slots[packetNumber & this.#mask] = undefined;
    this.#size -= 1;
    if (packetNumber === this.#base) this.#advance();
    return packet;
  }

  #advance(): void {
    if (this.#size === 0) {
      this.#base = this.#end;
      return;
    }
    while (this.#slots[this.#base & this.#mask] === undefined) this.#base += 1;
  }

  #grow(): void {
    const slots: (SentPacket | undefined)[] = new Array(this.#slots.length * 2).fill(undefined);
    const mask = slots.length - 1;
    for (let n = this.#base; n < this.#end; n += 1) slots[n & mask] = this.#slots[n & this.#mask];
    this.#slots = slots;
    this.#mask = mask;
  }

  clear(): void {
    this.#slots.fill(undefined);
    this.#size = 0;
    this.#base = this.#end;
  }
}
