/** A stream with its two parts; a unidirectional stream has only one (RFC 9000 §2.1). */

import type { StreamDirection, StreamId } from "../transport.ts";
import type { RecvStream } from "./recv-stream.ts";
import type { SendStream } from "./send-stream.ts";

export class Stream {
  readonly id: StreamId;
  /** True if we opened it. */
  readonly isLocal: boolean;
  readonly send: SendStream | undefined;
  readonly receive: RecvStream | undefined;

  constructor(id: StreamId, isLocal: boolean, send: SendStream | undefined, receive: RecvStream | undefined) {
    this.id = id;
    this.isLocal = isLocal;
    this.send = send;
    this.receive = receive;
  }

  /**
   * True if the stream can be removed. Both parts must have ended. For a stream opened by the peer, the application
   * must also have ended its sending part: a peer that cancels a stream gets no new one while the application still
   * works on it.
   */
  get isFinished(): boolean {
    if (this.receive !== undefined && !this.receive.isTerminal) return false;
    if (this.send === undefined) return true;
    return this.send.isTerminal && (this.isLocal || this.send.endedByApplication);
  }
}

/** The number of streams of the same type opened before this one. */
export const streamIndex = (id: StreamId): number => Math.floor(id / 4);

/** RFC 9000 §2.1, table 1. */
export const streamId = (index: number, direction: StreamDirection, role: "client" | "server"): StreamId =>
  index * 4 + (direction === "uni" ? 2 : 0) + (role === "server" ? 1 : 0);
