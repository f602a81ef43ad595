/** An HTTP/3 connection (RFC 9114): coordinates requests, streams, frames, settings and compression. */

import { assertNever, ProtocolError } from "../base/errors.ts";
import type { FieldSection } from "../http/index.ts";
import type { SendSource } from "../quic/index.ts";
import { isUnidirectional, type StreamId, type StreamTransport, type TransportEvent } from "../quic/transport.ts";
import type { VarInt } from "../wire/varint.ts";
import { H3Core } from "./core.ts";
import { connectionError, H3_ERRORS, InvalidMessageError } from "./errors.ts";
import type { H3Event } from "./events.ts";
import type { Role } from "./frames.ts";
import type { HttpDatagrams } from "./http-datagrams.ts";
import { LARGEST_REQUEST_ID } from "./limits.ts";
import type { ContentChunk } from "./message-reader.ts";
import type { H3Options } from "./options.ts";
import { checkFields, finalLines, interimLines, type OutgoingRequest, requestLines } from "./outgoing.ts";
import type { Priorities } from "./priorities.ts";
import type { Settings } from "./settings.ts";
import type { StreamEvent } from "./stream-claims.ts";

/**
 * An HTTP/3 connection in either role, as a machine: transport events in, HTTP events out, commands to the transport.
 *
 * Calling order: `handleTransportEvent` for each transport event, then `pollEvent` until it returns undefined, which
 * also sends QPACK's decoder instructions. Commands may be called at any time in between. They do nothing once the
 * connection is closed or the request is finished; `readData` still returns responses that arrived completely before.
 */
export class H3Connection {
  readonly #core: H3Core;
  #state: "connecting" | "open" | "draining" | "closed" = "connecting";
  #drainedAnnounced = false;
  #requestRefused = false;

  constructor(transport: StreamTransport, options: H3Options) {
    this.#core = new H3Core(transport, options);
    transport.setExcessiveLoadCode(H3_ERRORS.H3_EXCESSIVE_LOAD.code);
  }

  /** Undefined if `H3Options.datagrams` is. */
  get datagrams(): HttpDatagrams | undefined {
    return this.#core.datagrams;
  }

  get role(): Role {
    return this.#core.transport.role;
  }

  get isClosed(): boolean {
    return this.#state === "closed";
  }

  /** True once either side has sent GOAWAY or the connection is closed: `request` then returns undefined. */
  get isDraining(): boolean {
    return this.#state === "draining" || this.#state === "closed";
  }

  /** The number of unfinished requests. */
  get openRequests(): number {
    return this.#core.requests.size;
  }

  /** The priorities of requests (RFC 9218). */
  get priorities(): Priorities {
    return this.#core.requests.priorities;
  }

  /** The peer's settings, or the defaults until they arrive. */
  get peerSettings(): Settings {
    return this.#core.peerSettings;
  }

  /** Server: the number of requests whose head has not arrived completely. */
  get incompleteHeads(): number {
    return this.#core.requests.incompleteHeads + this.#core.bidi.undecided;
  }

  /** Server: the lowest id that no request has used. */
  get nextRequestId(): StreamId {
    return this.#core.bidi.nextRequestId;
  }

  /** Server: the lowest id of a stream that the client has not opened for a request. */
  get nextStreamId(): StreamId {
    return this.#core.bidi.nextStreamId;
  }

  /** Bytes held for requests, besides those of the transport: parts of heads, and content that was read with them. */
  get bytesHeld(): number {
    return this.#core.requests.bytesHeld + this.#core.decoder.blockedBytes + (this.#core.datagrams?.bytesHeld ?? 0);
  }

  /** Takes an event of the QUIC connection. */
  handleTransportEvent(event: TransportEvent): void {
    if (this.#state === "closed") return;
    try {
      this.#dispatch(event);
      if (this.#core.isLeaving) this.#state = "draining";
      this.#checkDrained();
    } catch (error) {
      this.#fail(error);
    }
  }

  /** Returns the next event. When there is none left, sends QPACK's decoder instructions. */
  pollEvent(): H3Event | undefined {
    const event = this.#core.events.shift();
    if (event !== undefined || this.#state === "closed") return event;
    try {
      const instructions = this.#core.decoder.takeInstructions();
      if (instructions !== undefined) this.#core.local.decoder.write(instructions);
    } catch (error) {
      this.#fail(error);
    }
    return this.#core.events.shift();
  }

  /**
   * Client: sends a new request. Returns undefined if that is not possible now; "requests-available" follows if the
   * cause is missing stream credit.
   */
  request(request: OutgoingRequest, fin: boolean): StreamId | undefined {
    if (this.#state !== "open") return undefined;
    const lines = requestLines(request, this.#core.peerSettings.enableConnectProtocol);
    if (!this.#core.requests.fits(lines)) {
      throw new InvalidMessageError(this.#core.requests.tooLarge(lines), "ERR_H3_FIELD_SECTION_TOO_LARGE");
    }
    const id = this.#core.transport.openStream("bidi");
    if (id === undefined) {
      this.#requestRefused = true;
      return undefined;
    }
    this.#core.requests.open(id, request);
    this.#writeSection(id, lines, fin);
    return id;
  }

  /** Server: sends an interim response (1xx except 101), unless it is too large for the peer. */
  inform(id: StreamId, status: number, fields: FieldSection): void {
    const lines = interimLines(status, fields);
    if (this.#core.requests.fits(lines)) this.#writeSection(id, lines, false);
  }

  /** Server: sends the final response's head. If it is too large for the peer, resets the stream and emits "reset". */
  respond(id: StreamId, status: number, fields: FieldSection, fin: boolean): void {
    this.#writeSection(id, finalLines(status, fields), fin);
  }

  /** Server: sends a whole response with content of 1 to `MAX_JOINED_CONTENT` bytes, which are copied. */
  respondWhole(id: StreamId, status: number, fields: FieldSection, content: Uint8Array): void {
    this.#writeSection(id, finalLines(status, fields), true, content);
  }

  /**
   * Writes content, which is kept by reference until it is acknowledged; a source is retained for the same time.
   * Returns false when enough is queued: continue after "writable". `fin` ends the message.
   */
  writeData(id: StreamId, content: Uint8Array | SendSource, fin: boolean): boolean {
    const stream = this.#core.requests.get(id);
    if (stream === undefined) return true;
    const hasRoom = stream.writer.writeData(content, fin);
    if (fin) {
      this.#core.requests.settle(stream);
      this.#checkDrained();
    }
    return hasRoom;
  }

  /**
   * True until the request is finished. After the end of the connection, true for a response that has arrived completely,
   * until it is read.
   */
  has(id: StreamId): boolean {
    return this.#core.requests.get(id) !== undefined;
  }

  /** Returns true if there is room for `writeData`; otherwise "writable" follows. */
  hasRoom(id: StreamId): boolean {
    return this.#core.requests.get(id)?.writer.hasRoom ?? true;
  }

  /** Sends trailers, which end the message. */
  sendTrailers(id: StreamId, fields: FieldSection): void {
    checkFields(fields);
    this.#writeSection(id, fields, true);
  }

  /** Returns received content of at most `max` bytes, which may be copied `into` there; undefined if there is none now. */
  readData(id: StreamId, max: number = Number.POSITIVE_INFINITY, into?: Uint8Array): ContentChunk | undefined {
    const stream = this.#core.requests.get(id);
    if (stream === undefined) return undefined;
    try {
      const chunk = this.#core.requests.readData(stream, max, into);
      this.#checkDrained();
      return chunk;
    } catch (error) {
      this.#fail(error);
      return undefined;
    }
  }

  /** Asks the peer to stop sending the message. The default code is for a server that has already responded. */
  stopReading(id: StreamId, code: VarInt = H3_ERRORS.H3_NO_ERROR.code): void {
    const stream = this.#core.requests.get(id);
    if (stream === undefined) return;
    this.#core.requests.stopReading(stream, code);
    this.#checkDrained();
  }

  /** Server: answers 408 to requests below the id `before` whose head has not arrived completely. */
  refuseIncompleteHeads(before: StreamId): void {
    try {
      this.#core.bidi.decideLate(before);
      this.#core.requests.refuseIncompleteHeads(before);
      this.#checkDrained();
    } catch (error) {
      this.#fail(error);
    }
  }

  /** Resets both directions of a request. */
  cancel(id: StreamId, code: VarInt = H3_ERRORS.H3_REQUEST_CANCELLED.code): void {
    const stream = this.#core.requests.get(id);
    if (stream === undefined) return;
    this.#core.requests.cancel(stream, code);
    this.#checkDrained();
  }

  /**
   * Tells the client to send no more requests, and still answers those in transit (RFC 9114 §5.2). `goaway` follows when
   * they have had time to arrive.
   */
  announceGoaway(): void {
    if (this.#state !== "open" || this.role === "client") return;
    try {
      this.#core.local.writeGoaway(LARGEST_REQUEST_ID);
    } catch (error) {
      this.#fail(error);
    }
  }

  /**
   * Shuts down gracefully (RFC 9114 §5.2): finishes requests in progress and refuses later ones. "drained" follows when
   * none are left.
   */
  goaway(): void {
    if (this.#state !== "open") return;
    this.#state = "draining";
    this.#core.bidi.isRefusing = true;
    try {
      // A client's would only refuse pushes, which we never allow; wtransport 0.7 takes it for an error.
      if (this.role === "server") this.#core.local.writeGoaway(this.#core.bidi.nextRequestId);
      this.#checkDrained();
    } catch (error) {
      this.#fail(error);
    }
  }

  /** Closes the connection immediately. */
  close(code: VarInt = H3_ERRORS.H3_NO_ERROR.code, phrase = ""): void {
    if (this.#state === "closed") return;
    this.#end();
    this.#core.transport.close(code, phrase);
    this.#core.events.push({ type: "closed", reason: { type: "local", layer: "application", code, phrase } });
  }

  #dispatch(event: TransportEvent): void {
    switch (event.type) {
      case "connected":
        this.#state = "open";
        this.#core.handleConnected();
        break;
      case "datagram-readable":
        this.#core.datagrams?.handleReadable();
        break;
      case "handshake-complete":
        if (!event.acceptedEarlyData) this.#core.handleEarlyDataRejected();
        break;
      case "streams-available":
        this.#handleStreamsAvailable(event.direction);
        break;
      case "closed":
        this.#state = "closed";
        this.#core.claims.clear();
        this.#core.datagrams?.clear();
        if (this.role === "client") this.#core.requests.keepReceived();
        else this.#core.requests.clear();
        this.#core.events.push({ type: "closed", reason: event.reason });
        break;
      default:
        this.#dispatchToStream(event);
    }
  }

  #dispatchToStream(event: StreamEvent): void {
    const owner = this.#core.claims.ownerOf(event.id);
    if (owner !== undefined) owner.handleEvent(event);
    else if (!isUnidirectional(event.id)) this.#core.bidi.handleEvent(event);
    else this.#handleUnidirectional(event);
  }

  #handleUnidirectional(event: StreamEvent): void {
    switch (event.type) {
      case "stream-opened":
        this.#core.remote.handleOpened(event.id);
        break;
      case "stream-readable":
        this.#core.remote.handleReadable(event.id);
        break;
      case "stream-writable":
        this.#core.local.flush();
        break;
      case "stream-reset":
        this.#core.remote.handleEnd(event.id);
        break;
      case "stream-stopped":
        // RFC 9114 §6.2.1, RFC 9204 §4.2: our control and QPACK streams are critical too.
        if (!this.#core.local.has(event.id)) break;
        throw connectionError("H3_CLOSED_CRITICAL_STREAM", "stream", "the peer stopped a critical stream");
      case "stream-finished":
        break;
      default:
        assertNever(event);
    }
  }

  #handleStreamsAvailable(direction: "bidi" | "uni"): void {
    if (direction === "uni") {
      this.#core.local.flush();
    } else if (this.#requestRefused) {
      this.#requestRefused = false;
      this.#core.events.push({ type: "requests-available" });
    }
    this.#core.claims.handleStreamsAvailable(direction);
  }

  #writeSection(id: StreamId, lines: FieldSection, fin: boolean, content?: Uint8Array): void {
    const stream = this.#core.requests.get(id);
    if (stream === undefined) return;
    try {
      this.#core.requests.writeSection(stream, lines, fin, content);
      this.#checkDrained();
    } catch (error) {
      this.#fail(error);
    }
  }

  #end(): void {
    this.#state = "closed";
    this.#core.requests.clear();
    this.#core.datagrams?.clear();
    this.#core.claims.clear();
  }

  #checkDrained(): void {
    if (this.#state !== "draining" || this.#drainedAnnounced || !this.#core.requests.isDrained) return;
    this.#drainedAnnounced = true;
    this.#core.events.push({ type: "drained" });
  }

  /** Closes the connection for the peer's errors, and rethrows our own. */
  #fail(error: unknown): void {
    if (!(error instanceof ProtocolError)) throw error;
    // Drop pending events: a request that arrived with the error must not be processed.
    this.#core.events.clear();
    if (this.#state === "closed") this.#core.requests.abandon(error.code, error.message);
    this.close(error.code, error.message);
  }
}
