/** Where packets lie during a run: room in front of them, the packet, room behind it. */

import { BpfError } from "../errors.ts";
import type { PacketAccess } from "../helpers/index.ts";
import { type Arena, PACKET_LENGTH, PACKET_START } from "../memory/index.ts";
import type { ContextField, ProgramType } from "../program-types/index.ts";

/** Linux keeps at least an Ethernet header. */
const SHORTEST = 14;
const MAX_META = 252;
/** The largest headroom of any kind of program. */
const ROOM = 256;

/** The region of the arena's table that is the packet. */
export const PACKET_REGION = 2;

export class PacketBuffer implements PacketAccess {
  readonly #arena: Arena;
  readonly #base: number;
  readonly #capacity: number;
  #type: ProgramType | undefined;
  #context = 0;
  #pointers: readonly ContextField[] = [];
  #limit = 0;
  start = 0;
  end = 0;
  #meta = 0;

  constructor(arena: Arena, maxPacket: number) {
    this.#arena = arena;
    this.#capacity = maxPacket;
    this.#base = arena.allocate(ROOM + maxPacket + 8);
  }

  /** Copies a packet in and points the context at it. */
  place(packet: Uint8Array, type: ProgramType, context: number): void {
    if (packet.length > this.#capacity) {
      throw new BpfError("MEMORY", `a packet of ${packet.length} bytes; at most ${this.#capacity} fit`);
    }
    if (this.#type !== type) {
      this.#type = type;
      this.#pointers = type.fields.filter(({ kind }) => kind !== "scalar");
    }
    this.#context = context;
    this.start = this.#base + ROOM;
    this.end = this.start + packet.length;
    this.#meta = this.start;
    this.#limit = this.#base + ROOM - type.headroom;
    this.#arena.bytes.set(packet, this.start);
    this.#publish();
  }

  /** A copy of the packet as the program left it. */
  take(): Uint8Array<ArrayBuffer> {
    return this.#arena.bytes.slice(this.start, this.end);
  }

  adjustHead(delta: number): boolean {
    const start = this.start + delta;
    const metaLength = this.start - this.#meta;
    if (start - metaLength < this.#limit || start > this.end - SHORTEST) return false;
    // Nothing of an earlier packet shows.
    if (delta < 0) this.#arena.bytes.fill(0, start - metaLength, this.#meta);
    // Metadata moves with the packet's head.
    if (metaLength > 0) this.#arena.bytes.copyWithin(start - metaLength, this.#meta, this.start);
    this.start = start;
    this.#meta = start - metaLength;
    this.#publish();
    return true;
  }

  adjustTail(delta: number): boolean {
    const end = this.end + delta;
    if (end > this.#base + ROOM + this.#capacity || end < this.start + SHORTEST) return false;
    if (delta > 0) this.#arena.bytes.fill(0, this.end, end);
    this.end = end;
    this.#publish();
    return true;
  }

  adjustMeta(delta: number): boolean {
    const meta = this.#meta + delta;
    const length = this.start - meta;
    if (meta > this.start || length > MAX_META || length % 4 !== 0 || meta < this.#limit) return false;
    this.#meta = meta;
    this.#publish();
    return true;
  }

  #publish(): void {
    const { view } = this.#arena;
    view.setUint32(PACKET_START, this.start, true);
    view.setUint32(PACKET_LENGTH, this.end - this.start, true);
    this.#arena.setRegion(PACKET_REGION, this.#meta, this.end, this.#type!.writesPacket);
    for (const { kind, offset } of this.#pointers) {
      const value = kind === "packet" ? this.start : kind === "packet-end" ? this.end : this.#meta;
      view.setUint32(this.#context + offset, value, true);
    }
  }
}
