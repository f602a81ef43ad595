/** What exchanges and tunnels over HTTP/3 share: their content, and their interface to the connection. */

import type { H3Connection } from "../../h3/index.ts";
import type { FieldSection } from "../../http/index.ts";
import type { Priority } from "../../http/priority/index.ts";
import type { StreamId } from "../../quic/index.ts";
import type { WebTransportStreams } from "../../webtransport/h3/index.ts";
import type { VarInt } from "../../wire/varint.ts";
import type { Fault } from "../guard.ts";
import type { BodyState, ClientIdentity, ConnectionInfo, PeerAddress, RequestBody } from "../http/exchange.ts";
import type { SharedRoom } from "../http/shared-room.ts";
import type { Confirmation } from "./confirmation.ts";

const NO_FIELDS: FieldSection = [];

/** Handles the events of a request stream. */
export interface H3StreamHandler {
  /** True if the response waits for more of the request. */
  readonly awaitsBody?: boolean;
  /** Estimated bytes of content prepared for the next write. */
  readonly preparedBytes?: number;
  handleData(): void;
  handleWritable(): void;
  handleTrailers?(fields: FieldSection): void;
  handleFinished(): void;
  /** The client has changed the priority. */
  handlePriority?(priority: Priority): void;
  /** The server takes no more requests. */
  handleShutdown?(): void;
  /** The server is about to close the connection. */
  handleDeadline?(): void;
  /** Handles an HTTP Datagram. */
  handleDatagram?(payload: Uint8Array): void;
  /** Called if the peer does not read any more, with its code; `abort` is called instead if there is no such method. */
  handleStopped?(code: VarInt): void;
  /** Called if the peer resets the stream, or the connection ends. */
  abort(reason: Error): void;
}

/** An exchange's interface to its connection. */
export interface H3ExchangeHost {
  readonly h3: H3Connection;
  /** The streams of WebTransport sessions; undefined if the server takes none. */
  readonly webTransport: WebTransportStreams | undefined;
  readonly remoteAddress: PeerAddress;
  /** The client's address when the connection began. */
  readonly firstAddress: PeerAddress;
  readonly localAddress: PeerAddress;
  readonly info: ConnectionInfo;
  readonly client: ClientIdentity | undefined;
  readonly confirmation: Confirmation;
  /** The current value of the `date` field. */
  date(): string;
  /** Resets a stream at the end of this turn, so that what was written in this turn is sent first. */
  cancelSoon(id: StreamId, code: number): void;
  /** Call after content was read: the end of the message may have been reached. */
  pump(): void;
  onExchangeClosed(id: StreamId): void;
  /** The send buffer limit shared by all responses of the connection. */
  readonly room: SharedRoom;
  /** Makes `handler` handle the stream's events from now on. */
  onExchangeReplaced(id: StreamId, handler: H3StreamHandler): void;
  /** Ends the connection after an exception. */
  readonly handleFault: (fault: Fault) => void;
}

/** Content of the stream. Unread content stays there and uses up the peer's flow control credit. */
export class H3Body implements RequestBody {
  state: BodyState;
  trailers: FieldSection = NO_FIELDS;
  onReadable: (() => void) | undefined;
  /** True if a reader waits for more. */
  isAwaited = false;
  readonly #host: H3ExchangeHost;
  readonly #id: StreamId;

  constructor(host: H3ExchangeHost, id: StreamId, isEmpty: boolean) {
    this.#host = host;
    this.#id = id;
    this.state = isEmpty ? "ended" : "open";
  }

  read(into?: Uint8Array): Uint8Array | undefined {
    if (this.state !== "open") return undefined;
    const chunk = this.#host.h3.readData(this.#id, undefined, into);
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
