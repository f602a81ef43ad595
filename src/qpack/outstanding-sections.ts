/**
 * Sections that the peer has not acknowledged (RFC 9204 §2.1.1, §2.1.2). They pin table entries, and those that need
 * insertions which the peer may not have can block its streams.
 */

import { SparseMap } from "../base/sparse-map.ts";
import type { StreamId } from "../quic/transport.ts";

interface Section {
  readonly requiredInsertCount: number;
  /** The oldest entry that it references. */
  readonly oldestReference: number;
  /** The stream's next section: acknowledgments arrive in sending order. */
  next: Section | undefined;
}

/** A peer that never acknowledges gets at most this many sections that reference the table. */
const MAX_OUTSTANDING = 1024;

export class OutstandingSections {
  readonly #byStream = new SparseMap<StreamId, Section>();
  /** Streams that may be blocked, with the insert count that unblocks them. */
  readonly #blocking = new SparseMap<StreamId, number>();
  #count = 0;

  get isFull(): boolean {
    return this.#count >= MAX_OUTSTANDING;
  }

  get blockedStreams(): number {
    return this.#blocking.size;
  }

  mayBlock(streamId: StreamId): boolean {
    return this.#blocking.has(streamId);
  }

  /** The oldest entry that any section references; infinite if none does. */
  oldestReference(): number {
    let oldest = Number.POSITIVE_INFINITY;
    for (const first of this.#byStream.values()) {
      for (let section: Section | undefined = first; section !== undefined; section = section.next) {
        if (section.oldestReference < oldest) oldest = section.oldestReference;
      }
    }
    return oldest;
  }

  add(streamId: StreamId, requiredInsertCount: number, oldestReference: number, knownReceivedCount: number): void {
    const section: Section = { requiredInsertCount, oldestReference, next: undefined };
    let last = this.#byStream.get(streamId);
    if (last === undefined) {
      this.#byStream.set(streamId, section);
    } else {
      while (last.next !== undefined) last = last.next;
      last.next = section;
    }
    this.#count += 1;
    if (requiredInsertCount > knownReceivedCount) {
      this.#blocking.set(streamId, Math.max(requiredInsertCount, this.#blocking.get(streamId) ?? 0));
    }
  }

  /** Removes the stream's oldest section and returns its Required Insert Count; undefined if it has none. */
  acknowledge(streamId: StreamId): number | undefined {
    const section = this.#byStream.get(streamId);
    if (section === undefined) return undefined;
    if (section.next === undefined) this.#byStream.delete(streamId);
    else this.#byStream.set(streamId, section.next);
    this.#count -= 1;
    return section.requiredInsertCount;
  }

  /** The stream will not be read further: drops all of its sections. */
  cancel(streamId: StreamId): void {
    for (let section = this.#byStream.get(streamId); section !== undefined; section = section.next) this.#count -= 1;
    this.#byStream.delete(streamId);
    this.#blocking.delete(streamId);
  }

  /** The peer has this many insertions, so streams that waited for no more are not blocked. */
  handleReceived(knownReceivedCount: number): void {
    for (const [streamId, required] of this.#blocking) {
      if (required <= knownReceivedCount) this.#blocking.delete(streamId);
    }
  }
}
