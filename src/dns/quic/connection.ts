/**
 * DNS over QUIC (RFC 9250), for both roles: each query has a bidirectional stream of its own, with the response on it, both
 * after their length in two bytes.
 *
 * Call it like any machine: `handleTransportEvent`, `pollEvent` until undefined, commands in between.
 */

import { ProtocolError } from "../../base/errors.ts";
import {
  type CloseReason,
  isServerInitiated,
  isUnidirectional,
  type StreamId,
  type StreamTransport,
  type TransportEvent,
} from "../../quic/transport.ts";
import type { VarInt } from "../../wire/varint.ts";
import { HEADER, parseMessage } from "../message.ts";
import { MessageStream, withLength } from "../resolver/message-stream.ts";

/** RFC 9250 §4.1.1. */
export const DOQ_ALPN = "doq";

/** RFC 9250 §4.3. */
export const DOQ_ERRORS = {
  NO_ERROR: 0,
  INTERNAL_ERROR: 1,
  PROTOCOL_ERROR: 2,
  REQUEST_CANCELLED: 3,
  EXCESSIVE_LOAD: 4,
} as const;

/** RFC 7828, which DoQ forbids. */
const TCP_KEEPALIVE = 11;

export type DoqEvent =
  /** Server: a query. Answer with `respond`, or `cancel` if it deserves no response. */
  | { readonly type: "query"; readonly id: StreamId; readonly message: Uint8Array }
  /** Client: the response to the query on this stream. */
  | { readonly type: "response"; readonly id: StreamId; readonly message: Uint8Array }
  /** Client: there will be no response. */
  | { readonly type: "failed"; readonly id: StreamId; readonly why: string }
  /** Client: `ask`, which failed for lack of streams, will now succeed. */
  | { readonly type: "streams-available" }
  | { readonly type: "closed"; readonly reason: CloseReason };

export class DoqConnection {
  readonly #transport: StreamTransport;
  readonly #events: DoqEvent[] = [];
  /** Messages that have not arrived completely. The transport limits the number of streams. */
  readonly #incoming = new Map<StreamId, MessageStream>();
  #isRefused = false;
  #isClosed = false;

  constructor(transport: StreamTransport) {
    this.#transport = transport;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Server: the number of queries that have not arrived completely. Client: of those without a response. */
  get pending(): number {
    return this.#incoming.size;
  }

  handleTransportEvent(event: TransportEvent): void {
    if (this.#isClosed) return;
    switch (event.type) {
      case "stream-opened":
        // RFC 9250 §4.2: all streams are the client's, and bidirectional.
        if (isUnidirectional(event.id) || isServerInitiated(event.id))
          this.#violated("a stream that DoQ does not have");
        else this.#incoming.set(event.id, new MessageStream());
        break;
      case "stream-readable":
        this.#read(event.id);
        break;
      case "stream-reset":
        this.#handleReset(event.id, event.code);
        break;
      case "stream-stopped":
        // RFC 9250 §4.2: a client that does not want a response any more.
        if (this.#transport.role === "server") this.#handleReset(event.id, event.code);
        break;
      case "streams-available":
        if (event.direction !== "bidi") break;
        if (this.#isRefused) this.#events.push({ type: "streams-available" });
        this.#isRefused = false;
        break;
      case "closed":
        this.#handleClosed(event.reason);
        break;
    }
  }

  pollEvent(): DoqEvent | undefined {
    return this.#events.shift();
  }

  /** Client: sends a query. Undefined if no stream can be opened now; "streams-available" will follow. */
  ask(message: Uint8Array): StreamId | undefined {
    if (this.#isClosed) return undefined;
    const id = this.#transport.openStream("bidi");
    if (id === undefined) {
      this.#isRefused = true;
      return undefined;
    }
    this.#incoming.set(id, new MessageStream());
    // RFC 9250 §4.2: the end says that there are no further queries on the stream.
    this.#transport.write(id, withLength(message), true);
    return id;
  }

  /** Server. */
  respond(id: StreamId, message: Uint8Array): void {
    if (!this.#isClosed) this.#transport.write(id, withLength(message), true);
  }

  /** Gives up a query. */
  cancel(id: StreamId, code: number = DOQ_ERRORS.REQUEST_CANCELLED): void {
    if (this.#isClosed) return;
    this.#incoming.delete(id);
    this.#transport.reset(id, code);
    this.#transport.stopSending(id, code);
  }

  close(code: number = DOQ_ERRORS.NO_ERROR, phrase = ""): void {
    if (this.#isClosed) return;
    this.#transport.close(code, phrase);
    this.#handleClosed({ type: "local", layer: "application", code, phrase });
  }

  #handleClosed(reason: CloseReason): void {
    this.#isClosed = true;
    this.#incoming.clear();
    this.#events.push({ type: "closed", reason });
  }

  #violated(what: string): void {
    this.close(DOQ_ERRORS.PROTOCOL_ERROR, what);
  }

  #handleReset(id: StreamId, code: VarInt): void {
    const wasPending = this.#incoming.delete(id);
    if (this.#transport.role === "server") this.#transport.reset(id, DOQ_ERRORS.REQUEST_CANCELLED);
    else if (wasPending)
      this.#events.push({ type: "failed", id, why: `the server gave up the query with code ${code}` });
  }

  #read(id: StreamId): void {
    for (let chunk = this.#transport.read(id); chunk !== undefined; chunk = this.#transport.read(id)) {
      const incoming = this.#incoming.get(id);
      if (incoming === undefined) continue;
      const [message, extra] = incoming.push(chunk.bytes);
      if (message !== undefined) {
        this.#incoming.delete(id);
        // RFC 9250 §4.2: one query on a stream. Only zone transfers have several responses, and nobody asks for them here.
        if (extra !== undefined || !incoming.isAtBoundary) this.#violated("a second message on a stream");
        else this.#take(id, message);
      } else if (chunk.fin) this.#violated("a stream that ends before its message");
      if (this.#isClosed) return;
    }
  }

  #take(id: StreamId, message: Uint8Array): void {
    const problem = problemOf(message);
    if (problem !== undefined) this.#violated(problem);
    else if (this.#transport.role === "server") this.#events.push({ type: "query", id, message });
    else this.#events.push({ type: "response", id, message });
  }
}

/** What makes a message a fatal error (RFC 9250 §4.2.1, §4.3.3). A malformed one is answered like any other. */
function problemOf(message: Uint8Array): string | undefined {
  if (message.length < HEADER) return "a message without a header";
  if (message[0] !== 0 || message[1] !== 0) return "a message with an id other than 0";
  try {
    const options = parseMessage(message).edns?.options ?? [];
    return options.some(({ code }) => code === TCP_KEEPALIVE) ? "a message with edns-tcp-keepalive" : undefined;
  } catch (error) {
    if (error instanceof ProtocolError) return undefined;
    throw error;
  }
}
