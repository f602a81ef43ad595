/**
 * Streams that are not HTTP/3's: an extension claims a type of unidirectional stream (RFC 9114 §6.2) or the first
 * integer of a bidirectional one, and owns each stream that begins with it. Streams that an extension opens by itself
 * are adopted, so that it hears of them too.
 */

import type { StreamDirection, StreamId, TransportEvent } from "../quic/transport.ts";
import { formatVarInt, sameVarInt, type VarInt } from "../wire/varint.ts";
import { isGreaseId, isKnownFrame } from "./frames.ts";
import { StreamType } from "./local-streams.ts";

/** What the transport says of one stream. */
export type StreamEvent = Extract<TransportEvent, { readonly id: StreamId }>;

/** Reads and writes its streams through the transport. A `ProtocolError` that it throws closes the connection. */
export interface StreamOwner {
  /**
   * A stream of a claimed type. `bytes` came behind the type, and with `fin` nothing follows; otherwise read on from the
   * transport until it gives undefined.
   */
  handleStream(id: StreamId, type: VarInt, bytes: Uint8Array, fin: boolean): void;
  /** What the transport says of a stream that was handed over or adopted, until it is released. */
  handleEvent(event: StreamEvent): void;
  /** `openStream` was refused before; now it will work. */
  handleStreamsAvailable?(direction: StreamDirection): void;
}

interface Claim {
  readonly direction: StreamDirection;
  readonly type: VarInt;
  readonly owner: StreamOwner;
}

const RESERVED_UNI: readonly number[] = Object.values(StreamType);

export class StreamClaims {
  readonly #claims: Claim[] = [];
  readonly #owned = new Map<StreamId, StreamOwner>();
  /** Whether the first integer of bidirectional streams has to be looked at. */
  hasBidi = false;

  /** From now on `owner` has every stream that the peer opens with this type. */
  claim(direction: StreamDirection, type: VarInt, owner: StreamOwner): void {
    const isReserved =
      typeof type === "number" &&
      (isGreaseId(type) || (direction === "uni" ? RESERVED_UNI.includes(type) : isKnownFrame(type)));
    if (isReserved || this.#find(direction, type) !== undefined) {
      throw new RangeError(`${direction} streams of type ${formatVarInt(type)} cannot be claimed: the type is taken`);
    }
    this.#claims.push({ direction, type, owner });
    this.hasBidi ||= direction === "bidi";
  }

  /** `owner` opened this stream and hears of it from now on. */
  adopt(id: StreamId, owner: StreamOwner): void {
    this.#owned.set(id, owner);
  }

  /** The owner has no more use for a stream's events. Each stream is released in the end, or the map would grow. */
  release(id: StreamId): void {
    this.#owned.delete(id);
  }

  ownerOf(id: StreamId): StreamOwner | undefined {
    return this.#owned.get(id);
  }

  isClaimed(direction: StreamDirection, type: VarInt): boolean {
    return this.#find(direction, type) !== undefined;
  }

  /** Gives a stream to the owner of its type; false when nobody claimed that. */
  handOver(direction: StreamDirection, type: VarInt, id: StreamId, bytes: Uint8Array, fin: boolean): boolean {
    const owner = this.#find(direction, type)?.owner;
    if (owner === undefined) return false;
    this.#owned.set(id, owner);
    owner.handleStream(id, type, bytes, fin);
    return true;
  }

  handleStreamsAvailable(direction: StreamDirection): void {
    const owners = new Set([...this.#claims.map(({ owner }) => owner), ...this.#owned.values()]);
    for (const owner of owners) owner.handleStreamsAvailable?.(direction);
  }

  clear(): void {
    this.#owned.clear();
  }

  #find(direction: StreamDirection, type: VarInt): Claim | undefined {
    return this.#claims.find((each) => each.direction === direction && sameVarInt(each.type, type));
  }
}
