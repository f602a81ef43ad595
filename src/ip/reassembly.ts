/**
 * Reassembles fragments (RFC 791 §3.2, RFC 8200 §4.5). Memory is bounded, and overlapping fragments end their packet
 * (RFC 5722, applied to IPv4 too), so that no one rewrites what a filter has seen.
 */

import { after, type Instant, seconds } from "../base/time.ts";
import { HeapTimer, TimerHeap } from "../base/timer-heap.ts";
import { addressKey } from "../wire/ip-address.ts";
import type { IpPacket } from "./packet.ts";

/** RFC 8200 §4.5; RFC 1122 §3.3.2 has the same upper end, Linux half of it. */
const TIMEOUT = { 4: seconds(30), 6: seconds(60) } as const;
const MAX_PACKET = 65_535;
const MAX_PARTIAL = 64;
const MAX_BYTES = 4 * 1024 * 1024;
/** Fragments of one packet; a packet of 64 KiB has 48 at an MTU of 1500. */
const MAX_FRAGMENTS = 128;

interface Piece {
  readonly start: number;
  readonly end: number;
}

interface Incomplete {
  readonly key: string;
  /** The first fragment's packet, for its header. */
  first: IpPacket | undefined;
  readonly bytes: Uint8Array[];
  readonly pieces: Piece[];
  size: number;
  total: number | undefined;
  hint: number | undefined;
  readonly timer: HeapTimer<Incomplete>;
}

export type ReassemblyCount = "timeout" | "overlap" | "overflow" | "malformed" | "complete";

export class Reassembly {
  readonly counts: Record<ReassemblyCount, number> = { timeout: 0, overlap: 0, overflow: 0, malformed: 0, complete: 0 };
  readonly #partial = new Map<string, Incomplete>();
  readonly #timers = new TimerHeap<Incomplete>();
  /** RFC 1122 §3.3.2: a timeout is reported if the first fragment arrived. */
  readonly #onTimeout: (first: IpPacket, now: Instant) => void;
  #bytes = 0;

  constructor(onTimeout: (first: IpPacket, now: Instant) => void) {
    this.#onTimeout = onTimeout;
  }

  /** The number of incomplete packets. */
  get size(): number {
    return this.#partial.size;
  }

  /** Bytes of incomplete packets. */
  get held(): number {
    return this.#bytes;
  }

  /** Takes a fragment. Returns the whole packet if this was the last missing one. */
  add(packet: IpPacket, now: Instant): IpPacket | undefined {
    const { id, offset, isLast } = packet.fragment!;
    const length = packet.end - packet.start;
    const headers = packet.start - packet.headerStart;
    if (length === 0 || (!isLast && length % 8 !== 0) || offset + length + headers > MAX_PACKET) {
      this.counts.malformed += 1;
      return undefined;
    }
    // RFC 791, RFC 8200: source, destination and id; IPv4 adds the protocol.
    const key = [
      addressKey(packet.source),
      addressKey(packet.destination),
      id,
      packet.version === 4 ? packet.protocol : 6,
    ].join("|");
    const partial = this.#partial.get(key) ?? this.#start(key, packet, now);
    const end = offset + length;
    for (const piece of partial.pieces) {
      if (piece.start === offset && piece.end === end) return undefined;
      if (piece.start < end && offset < piece.end) return this.#abandon(partial, "overlap");
    }
    if (partial.total !== undefined && (end > partial.total || (isLast && end !== partial.total))) {
      return this.#abandon(partial, "overlap");
    }
    if (partial.pieces.length === MAX_FRAGMENTS) return this.#abandon(partial, "overflow");
    this.#bytes += length;
    partial.size += length;
    partial.pieces.push({ start: offset, end });
    partial.bytes.push(packet.bytes.slice(packet.start, packet.end));
    if (isLast) partial.total = end;
    partial.hint ??= packet.hint;
    if (offset === 0) {
      const bytes = packet.bytes.slice(packet.headerStart, packet.end);
      partial.first = { ...packet, bytes, headerStart: 0, start: headers, end: bytes.length };
    }
    if (partial.size === partial.total && partial.first !== undefined) return this.#complete(partial, packet);
    while (this.#bytes > MAX_BYTES) this.#abandon(this.#partial.values().next().value!, "overflow");
    return undefined;
  }

  nextTimeout(): Instant | undefined {
    return this.#timers.next;
  }

  handleTimeout(now: Instant): void {
    for (let partial = this.#timers.popExpired(now); partial !== undefined; partial = this.#timers.popExpired(now)) {
      this.#abandon(partial, "timeout");
      if (partial.first !== undefined) this.#onTimeout(partial.first, now);
    }
  }

  #start(key: string, packet: IpPacket, now: Instant): Incomplete {
    if (this.#partial.size >= MAX_PARTIAL) this.#abandon(this.#partial.values().next().value!, "overflow");
    const partial: Omit<Incomplete, "timer"> & { timer?: HeapTimer<Incomplete> } = {
      key,
      first: undefined,
      bytes: [],
      pieces: [],
      size: 0,
      total: undefined,
      hint: undefined,
    };
    partial.timer = new HeapTimer<Incomplete>(partial as Incomplete);
    this.#partial.set(key, partial as Incomplete);
    this.#timers.set(partial.timer, after(now, TIMEOUT[packet.version]));
    return partial as Incomplete;
  }

  #complete(partial: Incomplete, last: IpPacket): IpPacket {
    this.#forget(partial);
    this.counts.complete += 1;
    const first = partial.first!;
    const header = first.start;
    const bytes = new Uint8Array(header + partial.total!);
    bytes.set(first.bytes.subarray(0, header));
    for (const [i, piece] of partial.pieces.entries()) bytes.set(partial.bytes[i]!, header + piece.start);
    return {
      ...first,
      // RFC 3168 §5.3: a mark on any fragment marks the packet.
      trafficClass: (last.trafficClass & 3) === 3 ? first.trafficClass | 3 : first.trafficClass,
      bytes,
      headerStart: 0,
      start: header,
      end: bytes.length,
      hint: partial.hint,
      fragment: undefined,
      isVerified: false,
    };
  }

  #abandon(partial: Incomplete, count: ReassemblyCount): undefined {
    this.counts[count] += 1;
    this.#forget(partial);
    return undefined;
  }

  #forget(partial: Incomplete): void {
    this.#bytes -= partial.size;
    this.#timers.set(partial.timer, undefined);
    this.#partial.delete(partial.key);
  }
}
