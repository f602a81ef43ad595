/** What an exchange and a tunnel over HTTP/3 share: their content, and what they need of their connection. */

import type { H3Connection } from "../../h3/index.ts";
import type { FieldSection } from "../../http/index.ts";
import type { StreamId } from "../../quic/index.ts";
import type { Fault } from "../guard.ts";
import type { BodyState, ConnectionInfo, PeerAddress, RequestBody } from "../http/exchange.ts";
import type { SharedRoom } from "../http/shared-room.ts";

const NO_FIELDS: FieldSection = [];

/** Hears of what happens on a request stream. */
export interface H3StreamHandler {
  /** Nothing is answered before more of the request has come. */
  readonly awaitsBody?: boolean;
  /** Bytes of content that are kept ready, as an estimate. */
  readonly heldAside?: number;
  handleData(): void;
  handleWritable(): void;
  handleTrailers?(fields: FieldSection): void;
  handleFinished(): void;
  /** The peer, or the connection, gave up. */
  abort(reason: Error): void;
}

/** What an exchange needs of the connection it belongs to. */
export interface H3ExchangeHost {
  readonly h3: H3Connection;
  readonly remoteAddress: PeerAddress;
  readonly localAddress: PeerAddress;
  readonly info: ConnectionInfo;
  /** The value of the `date` field now. */
  date(): string;
  /** Gives up a stream when this turn is over, so that what was written in it leaves first. */
  cancelSoon(id: StreamId, code: number): void;
  /** Content was read: the end of the message may have come into sight. */
  pump(): void;
  onExchangeClosed(id: StreamId): void;
  /** What all responses of the connection may have waiting. */
  readonly room: SharedRoom;
  /** From now on `handler` hears of the stream. */
  onExchangeReplaced(id: StreamId, handler: H3StreamHandler): void;
  /** An exception in what belongs to the connection ends it. */
  readonly handleFault: (fault: Fault) => void;
}

/** Content that arrives on the stream; it stays there, holding the peer's credit, until it is read. */
export class H3Body implements RequestBody {
  state: BodyState;
  trailers: FieldSection = NO_FIELDS;
  onReadable: (() => void) | undefined;
  /** A reader has asked for more than has come. */
  isAwaited = false;
  readonly #host: H3ExchangeHost;
  readonly #id: StreamId;

  constructor(host: H3ExchangeHost, id: StreamId, isEmpty: boolean) {
    this.#host = host;
    this.#id = id;
    this.state = isEmpty ? "ended" : "open";
  }

  read(): Uint8Array | undefined {
    if (this.state !== "open") return undefined;
    const chunk = this.#host.h3.readData(this.#id);
    this.#host.pump();
    this.isAwaited = chunk === undefined;
    return chunk?.bytes.length === 0 ? undefined : chunk?.bytes;
  }

  finish(): void {
    if (this.state !== "open") return;
    this.state = "ended";
    this.onReadable?.();
  }

  abort(): void {
    if (this.state !== "open") return;
    this.state = "aborted";
    this.onReadable?.();
  }
}
