/** A stream as its two parts, of which a unidirectional one has only one (RFC 9000 §2.1). */

import type { StreamDirection, StreamId } from "../transport.ts";
import type { RecvStream } from "./recv-stream.ts";
import type { SendStream } from "./send-stream.ts";

export class Stream {
  readonly id: StreamId;
  /** We opened it. */
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
   * Can it be forgotten? Both parts have to be over. A stream of the peer's is over only when the application has ended
   * its sending part as well: a peer that cancels what it opened gets no new stream while the old one is being worked on.
   */
  get isFinished(): boolean {
    if (this.receive !== undefined && !this.receive.isTerminal) return false;
    if (this.send === undefined) return true;
    return this.send.isTerminal && (this.isLocal || this.send.endedByApplication);
  }
}

/** How many streams of the same kind were opened before this one. */
export const streamIndex = (id: StreamId): number => Math.floor(id / 4);

/** RFC 9000 §2.1, table 1. */
export const streamId = (index: number, direction: StreamDirection, role: "client" | "server"): StreamId =>
  index * 4 + (direction === "uni" ? 2 : 0) + (role === "server" ? 1 : 0);
