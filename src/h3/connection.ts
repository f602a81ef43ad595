/** An HTTP/3 connection (RFC 9114): coordinates requests, streams, frames, settings and compression. */

import { assertNever, ProtocolError } from "../base/errors.ts";
import type { Rng } from "../base/rng.ts";
import type { FieldSection } from "../http/index.ts";
import { QpackDecoder, QpackEncoder } from "../qpack/index.ts";
import type { SendSource } from "../quic/index.ts";
import { isUnidirectional, type StreamId, type StreamTransport, type TransportEvent } from "../quic/transport.ts";
import type { VarInt } from "../wire/varint.ts";
import { BidiStreams } from "./bidi-streams.ts";
import { ControlStreamReader } from "./control-stream-reader.ts";
import { connectionError, H3_ERRORS, InvalidMessageError } from "./errors.ts";
import { EventQueue } from "./event-queue.ts";
import type { H3Event } from "./events.ts";
import type { Role } from "./frames.ts";
import { HeadersFrames } from "./headers-frames.ts";
import { HttpDatagrams } from "./http-datagrams.ts";
import { FRAME_WORK, IgnoredBudget, INSTRUCTION_WORK, LARGEST_REQUEST_ID, MAX_BLOCKED_BYTES } from "./limits.ts";
import { LocalStreams } from "./local-streams.ts";
import type { ContentChunk } from "./message-reader.ts";
import { type H3Options, settingsFrom } from "./options.ts";
import { checkFields, finalLines, interimLines, type OutgoingRequest, requestLines } from "./outgoing.ts";
import type { Priorities } from "./priorities.ts";
import { type CriticalStreamReaders, RemoteStreams } from "./remote-streams.ts";
import { Requests } from "./requests.ts";
import {
  checkKept,
  checkRegistered,
  DEFAULT_SETTINGS,
  type ExtensionSetting,
  type KnownSettings,
  type Settings,
} from "./settings.ts";
import { StreamClaims, type StreamEvent } from "./stream-claims.ts";
import type { TracedFrame } from "./trace.ts";

/**
 * An HTTP/3 connection in either role, as a machine: transport events in, HTTP events out, commands to the transport.
 *
 * Calling order: `handleTransportEvent` for each transport event, then `pollEvent` until it returns undefined, which
 * also sends QPACK's decoder instructions. Commands may be called at any time in between. They do nothing once the
 * connection is closed or the request is finished; `readData` still returns responses that arrived completely before.
 */
export class H3Connection {
  /** Undefined if `H3Options.datagrams` is. */
  readonly datagrams: HttpDatagrams | undefined;
  readonly #transport: StreamTransport;
  readonly #rng: Rng;
  readonly #settings: KnownSettings;
  readonly #extensionSettings: readonly ExtensionSetting[];
  readonly #encoder: QpackEncoder;
  readonly #decoder: QpackDecoder;
  readonly #local: LocalStreams;
  readonly #remote: RemoteStreams;
  readonly #bidi: BidiStreams;
  readonly #claims: StreamClaims;
  readonly #requests: Requests;
  readonly #events = new EventQueue();
  #peerSettings: Settings = DEFAULT_SETTINGS;
  /** What 0-RTT data relied on, unless it was rejected. */
  #remembered: Settings | undefined;
  #state: "connecting" | "open" | "draining" | "closed" = "connecting";
  #drainedAnnounced = false;
  #requestRefused = false;
  readonly #trace: H3Options["trace"];

  constructor(transport: StreamTransport, options: H3Options) {
    const peer: Role = transport.role === "client" ? "server" : "client";
    const settings = settingsFrom(options);
    const { extensionSettings = [], claims = new StreamClaims() } = options;
    checkRegistered(extensionSettings);
    this.#transport = transport;
    this.#rng = options.rng;
    this.#settings = settings;
    this.#extensionSettings = extensionSettings;
    this.#claims = claims;
    this.#encoder = new QpackEncoder({ tableCapacity: settings.qpackMaxTableCapacity });
    this.#decoder = new QpackDecoder({
      maxTableCapacity: settings.qpackMaxTableCapacity,
      maxBlockedStreams: settings.qpackBlockedStreams,
      maxFieldSectionSize: settings.maxFieldSectionSize,
      maxBlockedBytes: MAX_BLOCKED_BYTES,
    });
    this.#trace = options.trace;
    this.#local = new LocalStreams(transport, options.trace, options.origins);
    transport.setExcessiveLoadCode(H3_ERRORS.H3_EXCESSIVE_LOAD.code);
    const ignored = new IgnoredBudget();
    const control = new ControlStreamReader(
      peer,
      {
        extensionSettings,
        isStreamSignal: (type) => claims.hasBidi && claims.isClaimed("bidi", type),
        handleSettings: (received) => this.#handleSettings(received),
        handleGoaway: (id) => this.#handleGoaway(id),
        handleOrigins: (origins) => this.#events.push({ type: "origins", origins }),
        handlePriorityUpdate: (type, id, value) => this.priorities.handleUpdate(type, id, value),
        traceFrame: options.trace && ((frame) => this.#traceControl(frame)),
        countFrame: () => transport.countWork(FRAME_WORK),
      },
      ignored,
    );
    const readers: CriticalStreamReaders = {
      handleControlStream: (bytes) => control.handle(bytes),
      handleEncoderStream: (bytes) => this.#handleEncoderStream(bytes),
      handleDecoderStream: (bytes) => transport.countWork(this.#encoder.handleDecoderStream(bytes) * INSTRUCTION_WORK),
    };
    this.#remote = new RemoteStreams(transport, peer, readers, ignored, claims, options.trace);
    this.#requests = new Requests({
      transport,
      peer,
      events: this.#events,
      decoder: this.#decoder,
      headers: new HeadersFrames(this.#encoder, this.#local.encoder),
      ignored,
      maxFieldSectionSize: settings.maxFieldSectionSize,
      claims,
      date: options.date,
      isAwaited: (id) => this.#bidi.isAwaited(id),
      writeUpdate: (...update) => this.#local.writePriorityUpdate(...update),
      trace: options.trace,
      allowsProtocol: settings.enableConnectProtocol,
      onRequest: (id) => this.datagrams?.handleRequest(id),
      onEnd: (id) => this.datagrams?.close(id),
    });
    this.#bidi = new BidiStreams(transport, this.#requests, claims);
    this.datagrams =
      options.datagrams &&
      new HttpDatagrams(options.datagrams, {
        maySend: (id) => this.#requests.get(id)?.writer.isOpen === true,
        place: (id) => this.#requests.datagramPlace(id, this.#bidi.nextRequestId),
        refuse: (id) => this.#requests.refuseDatagram(id),
        deliver: (id, payload) => this.#events.push({ type: "datagram", id, payload }),
      });
    this.#remembered = options.rememberedSettings;
    // QPACK's table stays empty until SETTINGS arrive; of the other settings, requests depend on the size of fields.
    if (this.#remembered === undefined) return;
    this.#requests.peerMaxFieldSectionSize = this.#remembered.maxFieldSectionSize;
    if (this.datagrams !== undefined) this.datagrams.isNegotiated = this.#remembered.h3Datagram;
    this.#trace?.({ type: "http3:parameters-restored", settings: this.#remembered });
  }

  get role(): Role {
    return this.#transport.role;
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
    return this.#requests.size;
  }

  /** The priorities of requests (RFC 9218). */
  get priorities(): Priorities {
    return this.#requests.priorities;
  }

  /** The peer's settings, or the defaults until they arrive. */
  get peerSettings(): Settings {
    return this.#peerSettings;
  }

  /** Server: the number of requests whose head has not arrived completely. */
  get incompleteHeads(): number {
    return this.#requests.incompleteHeads + this.#bidi.undecided;
  }

  /** Server: the lowest id that no request has used. */
  get nextRequestId(): StreamId {
    return this.#bidi.nextRequestId;
  }

  /** Server: the lowest id of a stream that the client has not opened for a request. */
  get nextStreamId(): StreamId {
    return this.#bidi.nextStreamId;
  }

  /** Bytes held for requests, besides those of the transport: parts of heads, and content that was read with them. */
  get bytesHeld(): number {
    return this.#requests.bytesHeld + this.#decoder.blockedBytes + (this.datagrams?.bytesHeld ?? 0);
  }

  /** Takes an event of the QUIC connection. */
  handleTransportEvent(event: TransportEvent): void {
    if (this.#state === "closed") return;
    try {
      this.#dispatch(event);
      this.#checkDrained();
    } catch (error) {
      this.#fail(error);
    }
  }

  /** Returns the next event. When there is none left, sends QPACK's decoder instructions. */
  pollEvent(): H3Event | undefined {
    const event = this.#events.shift();
    if (event !== undefined || this.#state === "closed") return event;
    try {
      const instructions = this.#decoder.takeInstructions();
      if (instructions !== undefined) this.#local.decoder.write(instructions);
    } catch (error) {
      this.#fail(error);
    }
    return this.#events.shift();
  }

  /**
   * Client: sends a new request. Returns undefined if that is not possible now; "requests-available" follows if the
   * cause is missing stream credit.
   */
  request(request: OutgoingRequest, fin: boolean): StreamId | undefined {
    if (this.#state !== "open") return undefined;
    const lines = requestLines(request, this.#peerSettings.enableConnectProtocol);
    if (!this.#requests.fits(lines)) {
      throw new InvalidMessageError(this.#requests.tooLarge(lines), "ERR_H3_FIELD_SECTION_TOO_LARGE");
    }
    const id = this.#transport.openStream("bidi");
    if (id === undefined) {
      this.#requestRefused = true;
      return undefined;
    }
    this.#requests.open(id, request);
    this.#writeSection(id, lines, fin);
    return id;
  }

  /** Server: sends an interim response (1xx except 101), unless it is too large for the peer. */
  inform(id: StreamId, status: number, fields: FieldSection): void {
    const lines = interimLines(status, fields);
    if (this.#requests.fits(lines)) this.#writeSection(id, lines, false);
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
    const stream = this.#requests.get(id);
    if (stream === undefined) return true;
    const hasRoom = stream.writer.writeData(content, fin);
    if (fin) {
      this.#requests.settle(stream);
      this.#checkDrained();
    }
    return hasRoom;
  }

  /**
   * True until the request is finished. After the end of the connection, true for a response that has arrived completely,
   * until it is read.
   */
  has(id: StreamId): boolean {
    return this.#requests.get(id) !== undefined;
  }

  /** Returns true if there is room for `writeData`; otherwise "writable" follows. */
  hasRoom(id: StreamId): boolean {
    return this.#requests.get(id)?.writer.hasRoom ?? true;
  }

  /** Sends trailers, which end the message. */
  sendTrailers(id: StreamId, fields: FieldSection): void {
    checkFields(fields);
    this.#writeSection(id, fields, true);
  }

  /** Returns received content of at most `max` bytes; undefined if there is none now. */
  readData(id: StreamId, max: number = Number.POSITIVE_INFINITY): ContentChunk | undefined {
    const stream = this.#requests.get(id);
    if (stream === undefined) return undefined;
    try {
      const chunk = this.#requests.readData(stream, max);
      this.#checkDrained();
      return chunk;
    } catch (error) {
      this.#fail(error);
      return undefined;
    }
  }

  /** Asks the peer to stop sending the message. The default code is for a server that has already responded. */
  stopReading(id: StreamId, code: VarInt = H3_ERRORS.H3_NO_ERROR.code): void {
    const stream = this.#requests.get(id);
    if (stream === undefined) return;
    this.#requests.stopReading(stream, code);
    this.#checkDrained();
  }

  /** Server: answers 408 to requests below the id `before` whose head has not arrived completely. */
  refuseIncompleteHeads(before: StreamId): void {
    try {
      this.#bidi.decideLate(before);
      this.#requests.refuseIncompleteHeads(before);
      this.#checkDrained();
    } catch (error) {
      this.#fail(error);
    }
  }

  /** Resets both directions of a request. */
  cancel(id: StreamId, code: VarInt = H3_ERRORS.H3_REQUEST_CANCELLED.code): void {
    const stream = this.#requests.get(id);
    if (stream === undefined) return;
    this.#requests.cancel(stream, code);
    this.#checkDrained();
  }

  /**
   * Tells the client to send no more requests, and still answers those in transit (RFC 9114 §5.2). `goaway` follows when
   * they have had time to arrive.
   */
  announceGoaway(): void {
    if (this.#state !== "open" || this.role === "client") return;
    try {
      this.#local.writeGoaway(LARGEST_REQUEST_ID);
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
    this.#bidi.isRefusing = true;
    try {
      // A client's would only refuse pushes, which we never allow; wtransport 0.7 takes it for an error.
      if (this.role === "server") this.#local.writeGoaway(this.#bidi.nextRequestId);
      this.#checkDrained();
    } catch (error) {
      this.#fail(error);
    }
  }

  /** Closes the connection immediately. */
  close(code: VarInt = H3_ERRORS.H3_NO_ERROR.code, phrase = ""): void {
    if (this.#state === "closed") return;
    this.#end();
    this.#transport.close(code, phrase);
    this.#events.push({ type: "closed", reason: { type: "local", layer: "application", code, phrase } });
  }

  #dispatch(event: TransportEvent): void {
    switch (event.type) {
      case "connected":
        this.#state = "open";
        this.#local.writeSettings(this.#settings, this.#extensionSettings, this.#rng);
        break;
      case "datagram-readable":
        this.datagrams?.handleReadable();
        break;
      case "handshake-complete":
        if (!event.acceptedEarlyData) this.#remembered = undefined;
        break;
      case "streams-available":
        this.#handleStreamsAvailable(event.direction);
        break;
      case "closed":
        this.#state = "closed";
        this.#claims.clear();
        this.datagrams?.clear();
        if (this.role === "client") this.#requests.keepReceived();
        else this.#requests.clear();
        this.#events.push({ type: "closed", reason: event.reason });
        break;
      default:
        this.#dispatchToStream(event);
    }
  }

  #dispatchToStream(event: StreamEvent): void {
    const owner = this.#claims.ownerOf(event.id);
    if (owner !== undefined) owner.handleEvent(event);
    else if (!isUnidirectional(event.id)) this.#bidi.handleEvent(event);
    else this.#handleUnidirectional(event);
  }

  #handleUnidirectional(event: StreamEvent): void {
    switch (event.type) {
      case "stream-opened":
        this.#remote.handleOpened(event.id);
        break;
      case "stream-readable":
        this.#remote.handleReadable(event.id);
        break;
      case "stream-writable":
        this.#local.flush();
        break;
      case "stream-reset":
        this.#remote.handleEnd(event.id);
        break;
      case "stream-stopped":
        // RFC 9114 §6.2.1, RFC 9204 §4.2: our control and QPACK streams are critical too.
        if (!this.#local.has(event.id)) break;
        throw connectionError("H3_CLOSED_CRITICAL_STREAM", "stream", "the peer stopped a critical stream");
      case "stream-finished":
        break;
      default:
        assertNever(event);
    }
  }

  #handleStreamsAvailable(direction: "bidi" | "uni"): void {
    if (direction === "uni") {
      this.#local.flush();
    } else if (this.#requestRefused) {
      this.#requestRefused = false;
      this.#events.push({ type: "requests-available" });
    }
    this.#claims.handleStreamsAvailable(direction);
  }

  #handleSettings(settings: Settings): void {
    if (this.#remembered !== undefined) checkKept(this.#remembered, settings);
    this.#peerSettings = settings;
    if (this.datagrams !== undefined) this.datagrams.isNegotiated = settings.h3Datagram;
    this.#trace?.({ type: "http3:parameters-set", initiator: "remote", settings });
    this.#requests.peerMaxFieldSectionSize = settings.maxFieldSectionSize;
    this.#encoder.setLimits({
      maxTableCapacity: settings.qpackMaxTableCapacity,
      maxBlockedStreams: settings.qpackBlockedStreams,
    });
    const instructions = this.#encoder.takeInstructions();
    if (instructions !== undefined) this.#local.encoder.write(instructions);
    this.#events.push({ type: "settings", settings });
  }

  #traceControl(frame: TracedFrame): void {
    this.#trace?.({ type: "http3:frame-parsed", id: this.#remote.controlId!, frame });
  }

  #handleEncoderStream(bytes: Uint8Array): void {
    this.#transport.countWork(this.#decoder.handleEncoderStream(bytes) * INSTRUCTION_WORK);
    let section = this.#decoder.pollUnblocked();
    for (; section !== undefined; section = this.#decoder.pollUnblocked()) {
      this.#requests.handleUnblocked(section.streamId, section.result);
    }
  }

  /** RFC 9114 §5.2: a client sends no more requests and fails those not processed. A server has no pushes to cancel. */
  #handleGoaway(id: number): void {
    if (this.role === "client") this.#state = "draining";
    const unprocessed = this.role === "client" ? this.#requests.from(id) : [];
    for (const request of unprocessed) this.cancel(request);
    this.#events.push({ type: "goaway", unprocessed });
  }

  #writeSection(id: StreamId, lines: FieldSection, fin: boolean, content?: Uint8Array): void {
    const stream = this.#requests.get(id);
    if (stream === undefined) return;
    try {
      this.#requests.writeSection(stream, lines, fin, content);
      this.#checkDrained();
    } catch (error) {
      this.#fail(error);
    }
  }

  #end(): void {
    this.#state = "closed";
    this.#requests.clear();
    this.datagrams?.clear();
    this.#claims.clear();
  }

  #checkDrained(): void {
    if (this.#state !== "draining" || this.#drainedAnnounced || !this.#requests.isDrained) return;
    this.#drainedAnnounced = true;
    this.#events.push({ type: "drained" });
  }

  /** Closes the connection for the peer's errors, and rethrows our own. */
  #fail(error: unknown): void {
    if (!(error instanceof ProtocolError)) throw error;
    // Drop pending events: a request that arrived with the error must not be processed.
    this.#events.clear();
    if (this.#state === "closed") this.#requests.abandon(error.code, error.message);
    this.close(error.code, error.message);
  }
}
