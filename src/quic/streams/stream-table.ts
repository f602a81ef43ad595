/**
 * The streams of a connection by id (RFC 9000 §2.1): opens, finds and removes them, within the limits of both sides.
 *
 * A finished stream leaves nothing but two counters: an id that was opened and is not in the map is finished, and
 * frames for it are ignored.
 */

import type { ChunkBudget } from "../../base/reassembler.ts";
import { transportError } from "../errors.ts";
import { isServerInitiated, isUnidirectional, type StreamDirection, type StreamId } from "../transport.ts";
import { ReceiveWindow } from "./flow-control.ts";
import { initialCredit, NO_LIMITS, type PeerStreamLimits, type StreamSetLimits } from "./limits.ts";
import { RecvStream } from "./recv-stream.ts";
import { SendStream } from "./send-stream.ts";
import { Stream, streamId, streamIndex } from "./stream.ts";
import { LocalStreams, PeerStreams } from "./stream-limits.ts";

export interface StreamTableListener {
  onStreamAdded(stream: Stream): void;
  /** The peer opened a stream. */
  onStreamOpened(id: StreamId): void;
}

export class StreamTable {
  readonly local: Readonly<Record<StreamDirection, LocalStreams>>;
  readonly peer: Readonly<Record<StreamDirection, PeerStreams>>;
  peerLimits: PeerStreamLimits = NO_LIMITS;
  readonly #listener: StreamTableListener;
  readonly #role: "client" | "server";
  readonly #limits: StreamSetLimits;
  readonly #chunks: ChunkBudget;
  readonly #streams = new Map<StreamId, Stream>();
  #activeBidi = 0;

  constructor(listener: StreamTableListener, role: "client" | "server", limits: StreamSetLimits, chunks: ChunkBudget) {
    this.#listener = listener;
    this.#role = role;
    this.#limits = limits;
    this.#chunks = chunks;
    this.local = { bidi: new LocalStreams(), uni: new LocalStreams() };
    this.peer = {
      bidi: new PeerStreams(limits.initialMaxStreamsBidi),
      uni: new PeerStreams(limits.initialMaxStreamsUni),
    };
  }

  /** The number of streams that are not finished. */
  get size(): number {
    return this.#streams.size;
  }

  /** The number of bidirectional streams among them. */
  get activeBidi(): number {
    return this.#activeBidi;
  }

  [Symbol.iterator](): Iterator<Stream> {
    return this.#streams.values();
  }

  get(id: StreamId): Stream | undefined {
    return this.#streams.get(id);
  }

  /** Removes everything except the receiving parts that have arrived completely. */
  keepReceived(): void {
    for (const { id, isLocal, receive } of [...this.#streams.values()]) {
      if (receive?.state === "data-recvd") this.#streams.set(id, new Stream(id, isLocal, undefined, receive));
      else this.#streams.delete(id);
    }
    this.#activeBidi = 0;
  }

  /** Opens our next stream, or the one with the id `wanted`; undefined at the peer's limit. */
  open(direction: StreamDirection, wanted?: StreamId): StreamId | undefined {
    const role = this.#role;
    const local = this.local[direction];
    const first = local.opened;
    const index = wanted === undefined ? first : streamIndex(wanted);
    const id = streamId(index, direction, role);
    if (wanted !== undefined && wanted !== id)
      throw new RangeError(`stream ${wanted} belongs to the peer or is not ${direction}`);
    if (index < first) throw new RangeError(`stream ${id} was already opened`);
    if (!local.openUpTo(index)) return undefined;
    // RFC 9000 §2.1: this also opens all lower-numbered streams of the type.
    for (let next = first; next <= index; next += 1) this.#add(streamId(next, direction, role), true);
    return id;
  }

  /** The stream for an application call; undefined if it is finished. Throws if there never was one. */
  opened(id: StreamId): Stream | undefined {
    const stream = this.#streams.get(id);
    if (stream !== undefined) return stream;
    const direction = isUnidirectional(id) ? "uni" : "bidi";
    const { opened } = (this.#isLocal(id) ? this.local : this.peer)[direction];
    if (streamIndex(id) >= opened) throw new RangeError(`stream ${id} has not been opened`);
    return undefined;
  }

  /** The sending part of a stream returned by `opened`. Throws if streams with this id have none. */
  sendingPart(stream: Stream | undefined, id: StreamId): SendStream | undefined {
    if (isUnidirectional(id) && !this.#isLocal(id)) throw new RangeError(`stream ${id} is receive-only`);
    return stream?.send;
  }

  /** The receiving part of a stream returned by `opened`. Throws if streams with this id have none. */
  receivingPart(stream: Stream | undefined, id: StreamId): RecvStream | undefined {
    if (isUnidirectional(id) && this.#isLocal(id)) throw new RangeError(`stream ${id} is send-only`);
    return stream?.receive;
  }

  /**
   * The stream that a frame names, opened if the frame may open it; undefined if it is finished. `part` is the part
   * that the frame concerns, which must exist (RFC 9000 §19.4-19.5, §19.8, §19.10, §19.13).
   */
  find(id: StreamId, part: "send" | "receive", where: string): Stream | undefined {
    const stream = this.#streams.get(id);
    if (stream?.[part] !== undefined) return stream;
    const isLocal = this.#isLocal(id);
    const isUni = isUnidirectional(id);
    if (isUni && isLocal === (part === "receive")) {
      const kind = isLocal ? "send-only" : "receive-only";
      throw transportError("STREAM_STATE_ERROR", where, `stream ${id} is ${kind}`);
    }
    const index = streamIndex(id);
    const direction = isUni ? "uni" : "bidi";
    if (isLocal) {
      if (index < this.local[direction].opened) return undefined;
      throw transportError("STREAM_STATE_ERROR", where, `stream ${id} has not been opened`);
    }
    const peer = this.peer[direction];
    const first = peer.opened;
    if (index < first) return undefined;
    peer.openUpTo(index, where);
    // RFC 9000 §3.2: this also opens all lower-numbered streams of the type.
    for (let next = first; next <= index; next += 1) {
      this.#listener.onStreamOpened(this.#add(next * 4 + (id % 4), false).id);
    }
    return this.#streams.get(id);
  }

  /** Removes a finished stream. Returns false if it was removed already. */
  remove(stream: Stream): boolean {
    if (!this.#streams.delete(stream.id)) return false;
    if (!isUnidirectional(stream.id)) this.#activeBidi -= 1;
    return true;
  }

  #isLocal(id: StreamId): boolean {
    return isServerInitiated(id) === (this.#role === "server");
  }

  #add(id: StreamId, isLocal: boolean): Stream {
    const isUni = isUnidirectional(id);
    const { initialMaxStreamData, maxStreamWindow, maxChunksPerStream = 1_024 } = this.#limits;
    const send = isUni && !isLocal ? undefined : new SendStream(id, initialCredit(this.peerLimits, id, isLocal));
    const receive =
      isUni && isLocal
        ? undefined
        : new RecvStream(
            id,
            new ReceiveWindow(initialMaxStreamData, maxStreamWindow),
            maxChunksPerStream,
            this.#chunks,
          );
    const stream = new Stream(id, isLocal, send, receive);
    this.#streams.set(id, stream);
    if (!isUni) this.#activeBidi += 1;
    this.#listener.onStreamAdded(stream);
    return stream;
  }
}
