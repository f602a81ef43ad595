/**
 * Streams of extensions: an extension claims a type of unidirectional stream (RFC 9114 §6.2) or the first integer of a
 * bidirectional one, and owns each stream that begins with it. It adopts the streams that it opens itself, to receive
 * their events too.
 */

import { SparseMap } from "../base/sparse-map.ts";
import type { StreamDirection, StreamId, TransportEvent } from "../quic/transport.ts";
import { formatVarInt, sameVarInt, type VarInt } from "../wire/varint.ts";
import { isGreaseId, isKnownFrame } from "./frames.ts";
import { StreamType } from "./local-streams.ts";

/** A transport event about one stream. */
export type StreamEvent = Extract<TransportEvent, { readonly id: StreamId }>;

/** Reads and writes its streams through the transport. A `ProtocolError` that it throws closes the connection. */
export interface StreamOwner {
  /**
   * Receives a stream of a claimed type. `bytes` followed the type. Unless `fin` is set, read on from the transport until
   * it returns undefined.
   */
  handleStream(id: StreamId, type: VarInt, bytes: Uint8Array, fin: boolean): void;
  /** Handles an event of an owned stream, until the stream is released. */
  handleEvent(event: StreamEvent): void;
  /** `openStream`, which failed before, will now succeed. */
  handleStreamsAvailable?(direction: StreamDirection): void;
}

interface Claim {
  readonly direction: StreamDirection;
  readonly type: VarInt;
  readonly owner: StreamOwner;
}

const RESERVED_UNI: readonly number[] = Object.values(StreamType);

export class StreamClaims {
  #claims: readonly Claim[] = [];
  readonly #owned = new SparseMap<StreamId, StreamOwner>();
  /** True if the first integer of bidirectional streams must be checked. */
  hasBidi = false;

  /** Makes `owner` the owner of all streams that the peer opens with this type. */
  claim(direction: StreamDirection, type: VarInt, owner: StreamOwner): void {
    const isReserved =
      typeof type === "number" &&
      (isGreaseId(type) || (direction === "uni" ? RESERVED_UNI.includes(type) : isKnownFrame(type)));
    if (isReserved || this.#find(direction, type) !== undefined) {
      throw new RangeError(`${direction} streams of type ${formatVarInt(type)} cannot be claimed: the type is taken`);
    }
    // Not `push`, nor a spread, which make room for sixteen more.
    this.#claims = this.#claims.concat({ direction, type, owner });
    this.hasBidi ||= direction === "bidi";
  }

  /** Sends the events of a stream that `owner` opened to it. */
  adopt(id: StreamId, owner: StreamOwner): void {
    this.#owned.set(id, owner);
  }

  /** Stops sending a stream's events to its owner. Every stream must be released eventually, or the map would grow. */
  release(id: StreamId): void {
    this.#owned.delete(id);
  }

  /** The owner of a stream; undefined if HTTP/3 itself owns it. */
  ownerOf(id: StreamId): StreamOwner | undefined {
    return this.#owned.get(id);
  }

  /** True if an extension takes streams of this type. */
  isClaimed(direction: StreamDirection, type: VarInt): boolean {
    return this.#find(direction, type) !== undefined;
  }

  /** Hands a stream over to the owner of its type. Returns false if the type is unclaimed. */
  handOver(direction: StreamDirection, type: VarInt, id: StreamId, bytes: Uint8Array, fin: boolean): boolean {
    const owner = this.#find(direction, type)?.owner;
    if (owner === undefined) return false;
    this.#owned.set(id, owner);
    owner.handleStream(id, type, bytes, fin);
    return true;
  }

  /** Tells all owners that they may open streams. */
  handleStreamsAvailable(direction: StreamDirection): void {
    const owners = new Set([...this.#claims.map(({ owner }) => owner), ...this.#owned.values()]);
    for (const owner of owners) owner.handleStreamsAvailable?.(direction);
  }

  /** Forgets which streams have owners, at the end of the connection. */
  clear(): void {
    this.#owned.clear();
  }

  #find(direction: StreamDirection, type: VarInt): Claim | undefined {
    return this.#claims.find((each) => each.direction === direction && sameVarInt(each.type, type));
  }
}
