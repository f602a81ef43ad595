/**
 * An HTTP/3 connection (RFC 9114), either role, as a machine: the transport's events in, HTTP's events out, commands
 * that write to the transport. It conducts; requests, streams, frames, settings and compression are their owners'.
 *
 * Calling order: `handleTransportEvent` for each of the transport's events; `pollEvent` until it gives undefined, which
 * also sends what QPACK has to say; commands at any time in between. Commands do nothing once the connection is closed,
 * nor for a request that is over.
 */

import { assertNever, ProtocolError } from "../base/errors.ts";
import type { Rng } from "../base/rng.ts";
import type { FieldSection } from "../http/index.ts";
import { QpackDecoder, QpackEncoder } from "../qpack/index.ts";
import type { SendSource } from "../quic/index.ts";
import {
  isServerInitiated,
  isUnidirectional,
  type StreamId,
  type StreamTransport,
  type TransportEvent,
} from "../quic/transport.ts";
import { type VarInt, varintLength } from "../wire/varint.ts";
import { Writer } from "../wire/writer.ts";
import { ControlStreamReader } from "./control-stream-reader.ts";
import { connectionError, H3_ERRORS, InvalidMessageError } from "./errors.ts";
import { EventQueue } from "./event-queue.ts";
import type { H3Event } from "./events.ts";
import { FrameType, greaseId, type Role, writeFrame } from "./frames.ts";
import { HeadersFrames } from "./headers-frames.ts";
import { IgnoredBudget } from "./limits.ts";
import { LocalStream, StreamType } from "./local-streams.ts";
import type { ContentChunk } from "./message-reader.ts";
import { checkFields, type OutgoingRequest, requestLines, responseLines } from "./outgoing.ts";
import { RemoteStreams } from "./remote-streams.ts";
import { Requests } from "./requests.ts";
import { DEFAULT_SETTINGS, emitSettings, type Settings } from "./settings.ts";

export interface H3Options {
  /** For the reserved values that keep peers in practice (RFC 9114 §7.2.8). */
  readonly rng: Rng;
  /** SETTINGS_QPACK_MAX_TABLE_CAPACITY to offer, and how much of the peer's table to use at most. */
  readonly qpackMaxTableCapacity?: number;
  /** SETTINGS_QPACK_BLOCKED_STREAMS to offer. */
  readonly qpackBlockedStreams?: number;
  /** SETTINGS_MAX_FIELD_SECTION_SIZE to offer, and to enforce. */
  readonly maxFieldSectionSize?: number;
}

/** The most bytes of QPACK-blocked field sections that one connection keeps. */
const MAX_BLOCKED_BYTES = 1024 * 1024;

const EMPTY = new Uint8Array(0);

export class H3Connection {
  readonly #transport: StreamTransport;
  readonly #rng: Rng;
  readonly #settings: Settings;
  readonly #encoder: QpackEncoder;
  readonly #decoder: QpackDecoder;
  readonly #controlStream: LocalStream;
  readonly #encoderStream: LocalStream;
  readonly #decoderStream: LocalStream;
  readonly #remote: RemoteStreams;
  readonly #requests: Requests;
  readonly #events = new EventQueue();
  #peerSettings: Settings = DEFAULT_SETTINGS;
  #state: "connecting" | "open" | "draining" | "closed" = "connecting";
  #drainedAnnounced = false;
  #requestRefused = false;
  /** Server: the lowest request id that has not been seen. */
  #nextRequestId = 0;

  constructor(transport: StreamTransport, options: H3Options) {
    const peer: Role = transport.role === "client" ? "server" : "client";
    const settings: Settings = {
      qpackMaxTableCapacity: options.qpackMaxTableCapacity ?? 4096,
      qpackBlockedStreams: options.qpackBlockedStreams ?? 16,
      maxFieldSectionSize: options.maxFieldSectionSize ?? 65_536,
    };
    this.#transport = transport;
    this.#rng = options.rng;
    this.#settings = settings;
    this.#encoder = new QpackEncoder({ tableCapacity: settings.qpackMaxTableCapacity });
    this.#decoder = new QpackDecoder({
      maxTableCapacity: settings.qpackMaxTableCapacity,
      maxBlockedStreams: settings.qpackBlockedStreams,
      maxFieldSectionSize: settings.maxFieldSectionSize,
      maxBlockedBytes: MAX_BLOCKED_BYTES,
    });
    this.#controlStream = new LocalStream(transport, StreamType.CONTROL);
    this.#encoderStream = new LocalStream(transport, StreamType.QPACK_ENCODER);
    this.#decoderStream = new LocalStream(transport, StreamType.QPACK_DECODER);
    const ignored = new IgnoredBudget();
    const control = new ControlStreamReader(
      peer,
      {
        handleSettings: (received) => this.#handleSettings(received),
        handleGoaway: (id) => this.#handleGoaway(id),
      },
      ignored,
    );
    const readers = {
      handleControlStream: (bytes: Uint8Array) => control.handle(bytes),
      handleEncoderStream: (bytes: Uint8Array) => this.#handleEncoderStream(bytes),
      handleDecoderStream: (bytes: Uint8Array) => this.#encoder.handleDecoderStream(bytes),
    };
    this.#remote = new RemoteStreams(transport, peer, readers, ignored);
    this.#requests = new Requests({
      transport,
      peer,
      events: this.#events,
      decoder: this.#decoder,
      headers: new HeadersFrames(this.#encoder, this.#encoderStream),
      ignored,
      maxFieldSectionSize: settings.maxFieldSectionSize,
    });
  }

  get role(): Role {
    return this.#transport.role;
  }

  get isClosed(): boolean {
    return this.#state === "closed";
  }

  /** Whether either side has said that it goes away: `request` gives undefined from then on. */
  get isDraining(): boolean {
    return this.#state === "draining" || this.#state === "closed";
  }

  /** How many requests are not over. */
  get openRequests(): number {
    return this.#requests.size;
  }

  /** The peer's settings, or the defaults while they have not come. */
  get peerSettings(): Settings {
    return this.#peerSettings;
  }

  /** An event of the transport. */
  handleTransportEvent(event: TransportEvent): void {
    if (this.#state === "closed") return;
    try {
      this.#dispatch(event);
      this.#checkDrained();
    } catch (error) {
      this.#fail(error);
    }
  }

  /** What happened. When nothing is left to tell, what QPACK's decoder gathered is sent. */
  pollEvent(): H3Event | undefined {
    const event = this.#events.shift();
    if (event !== undefined || this.#state === "closed") return event;
    try {
      const instructions = this.#decoder.takeInstructions();
      if (instructions !== undefined) this.#decoderStream.write(instructions);
    } catch (error) {
      this.#fail(error);
    }
    return this.#events.shift();
  }

  /** Client: a new request. Undefined when none may be made now; "requests-available" follows if streams were missing. */
  request(request: OutgoingRequest, fin: boolean): StreamId | undefined {
    if (this.#state !== "open") return undefined;
    const lines = requestLines(request);
    if (!this.#requests.fits(lines)) {
      throw new InvalidMessageError(this.#requests.tooLarge(lines), "ERR_H3_FIELD_SECTION_TOO_LARGE");
    }
    const id = this.#transport.openStream("bidi");
    if (id === undefined) {
      this.#requestRefused = true;
      return undefined;
    }
    this.#requests.open(id, request.method);
    this.#writeSection(id, lines, fin);
    return id;
  }

  /** Server: an interim response (1xx other than 101). One that the peer would find too large is left out. */
  inform(id: StreamId, status: number, fields: FieldSection): void {
    if (status > 199) throw new InvalidMessageError(`${status} is not an interim status`);
    const lines = responseLines(status, fields);
    if (this.#requests.fits(lines)) this.#writeSection(id, lines, false);
  }

  /** Server: the head of the final response. One that the peer would find too large gives "reset" instead. */
  respond(id: StreamId, status: number, fields: FieldSection, fin: boolean): void {
    if (status < 200) throw new InvalidMessageError(`${status} is not a final status`);
    this.#writeSection(id, responseLines(status, fields), fin);
  }

  /**
   * Content, kept by reference until it is acknowledged; a source is retained as long. False when that is enough for now:
   * go on after "writable". `fin` ends the message.
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

  /** Trailers, which end the message. */
  sendTrailers(id: StreamId, fields: FieldSection): void {
    checkFields(fields);
    this.#writeSection(id, fields, true);
  }

  /** Content that was received, at most `max` bytes; undefined when there is none now. */
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

  /** The rest of the message being received is not wanted: a server that has answered says so with the default. */
  stopReading(id: StreamId, code: VarInt = H3_ERRORS.H3_NO_ERROR.code): void {
    const stream = this.#requests.get(id);
    if (stream === undefined) return;
    this.#requests.stopReading(stream, code);
    this.#checkDrained();
  }

  /** Gives up both halves of a request. */
  cancel(id: StreamId, code: VarInt = H3_ERRORS.H3_REQUEST_CANCELLED.code): void {
    const stream = this.#requests.get(id);
    if (stream === undefined) return;
    this.#requests.cancel(stream, code);
    this.#checkDrained();
  }

  /**
   * Goes away gracefully (RFC 9114 §5.2): what was begun will be ended, what comes later is refused. "drained" says
   * when nothing is left.
   */
  goaway(): void {
    if (this.#state !== "open") return;
    this.#state = "draining";
    try {
      this.#writeGoaway();
      this.#checkDrained();
    } catch (error) {
      this.#fail(error);
    }
  }

  /** Closes the connection at once. */
  close(code: VarInt = H3_ERRORS.H3_NO_ERROR.code, phrase = ""): void {
    if (this.#state === "closed") return;
    this.#state = "closed";
    this.#requests.clear();
    this.#transport.close(code, phrase);
    this.#events.push({ type: "closed", reason: { type: "local", layer: "application", code, phrase } });
  }

  #dispatch(event: TransportEvent): void {
    switch (event.type) {
      case "connected":
        this.#handleConnected();
        break;
      case "stream-opened":
        this.#handleOpened(event.id);
        break;
      case "stream-readable":
        if (isUnidirectional(event.id)) this.#remote.handleReadable(event.id);
        else this.#requests.handleReadable(event.id);
        break;
      case "stream-writable":
        if (isUnidirectional(event.id)) this.#flushLocal();
        else this.#requests.handleWritable(event.id);
        break;
      case "stream-reset":
        if (isUnidirectional(event.id)) this.#remote.handleEnd(event.id);
        else this.#requests.handleReset(event.id, event.code);
        break;
      case "stream-stopped":
        this.#handleStopped(event.id, event.code);
        break;
      case "stream-finished":
        if (!isUnidirectional(event.id)) this.#requests.handleDelivered(event.id);
        break;
      case "streams-available":
        this.#handleStreamsAvailable(event.direction);
        break;
      case "closed":
        this.#state = "closed";
        this.#requests.clear();
        this.#events.push({ type: "closed", reason: event.reason });
        break;
      default:
        assertNever(event);
    }
  }

  #handleConnected(): void {
    this.#state = "open";
    const chance = (): number => this.#rng.uint32() & 0xffff;
    const writer = new Writer(new Uint8Array(256));
    const settings = emitSettings(this.#settings, { id: greaseId(chance()), value: chance() });
    writeFrame(writer, FrameType.SETTINGS, settings);
    writeFrame(writer, greaseId(chance()), EMPTY);
    this.#controlStream.write(writer.written());
    this.#flushLocal();
  }

  #handleOpened(id: StreamId): void {
    if (isUnidirectional(id)) {
      this.#remote.handleOpened(id);
      return;
    }
    // RFC 9114 §6.1
    if (isServerInitiated(id))
      throw connectionError("H3_STREAM_CREATION_ERROR", "stream", "bidirectional, from a server");
    if (this.#state === "draining") {
      // RFC 9114 §5.2: not processed, and the client may know it.
      this.#transport.stopSending(id, H3_ERRORS.H3_REQUEST_REJECTED.code);
      this.#transport.reset(id, H3_ERRORS.H3_REQUEST_REJECTED.code);
      return;
    }
    if (id >= this.#nextRequestId) this.#nextRequestId = id + 4;
    this.#requests.accept(id);
  }

  #handleStopped(id: StreamId, code: VarInt): void {
    if (!isUnidirectional(id)) {
      this.#requests.handleStopped(id, code);
      return;
    }
    // RFC 9114 §6.2.1, RFC 9204 §4.2: ours are as critical as theirs.
    throw connectionError("H3_CLOSED_CRITICAL_STREAM", "stream", "the peer stopped one that the connection needs");
  }

  #handleStreamsAvailable(direction: "bidi" | "uni"): void {
    if (direction === "uni") {
      this.#flushLocal();
    } else if (this.#requestRefused) {
      this.#requestRefused = false;
      this.#events.push({ type: "requests-available" });
    }
  }

  #handleSettings(settings: Settings): void {
    this.#peerSettings = settings;
    this.#requests.peerMaxFieldSectionSize = settings.maxFieldSectionSize;
    this.#encoder.setLimits({
      maxTableCapacity: settings.qpackMaxTableCapacity,
      maxBlockedStreams: settings.qpackBlockedStreams,
    });
    const instructions = this.#encoder.takeInstructions();
    if (instructions !== undefined) this.#encoderStream.write(instructions);
    this.#events.push({ type: "settings", settings });
  }

  #handleEncoderStream(bytes: Uint8Array): void {
    this.#decoder.handleEncoderStream(bytes);
    let section = this.#decoder.pollUnblocked();
    for (; section !== undefined; section = this.#decoder.pollUnblocked()) {
      this.#requests.handleUnblocked(section.streamId, section.result);
    }
  }

  /** RFC 9114 §5.2: a client makes no more requests here and learns which of its own are lost. A server never pushed. */
  #handleGoaway(id: number): void {
    if (this.role === "client") this.#state = "draining";
    const unprocessed = this.role === "client" ? this.#requests.from(id) : [];
    for (const request of unprocessed) this.cancel(request);
    this.#events.push({ type: "goaway", unprocessed });
  }

  #writeGoaway(): void {
    // A client names a push id, and never allowed any.
    const id = this.role === "server" ? this.#nextRequestId : 0;
    const writer = new Writer(new Uint8Array(16));
    writer.varint(FrameType.GOAWAY);
    writer.varint(varintLength(id));
    writer.varint(id);
    this.#controlStream.write(writer.written());
  }

  #writeSection(id: StreamId, lines: FieldSection, fin: boolean): void {
    const stream = this.#requests.get(id);
    if (stream === undefined) return;
    try {
      this.#requests.writeSection(stream, lines, fin);
      this.#checkDrained();
    } catch (error) {
      this.#fail(error);
    }
  }

  #flushLocal(): void {
    this.#controlStream.flush();
    this.#encoderStream.flush();
    this.#decoderStream.flush();
  }

  #checkDrained(): void {
    if (this.#state !== "draining" || this.#drainedAnnounced || !this.#requests.isDrained) return;
    this.#drainedAnnounced = true;
    this.#events.push({ type: "drained" });
  }

  /** What the peer did wrong closes the connection; what we did wrong is thrown on. */
  #fail(error: unknown): void {
    if (!(error instanceof ProtocolError)) throw error;
    // Nobody shall answer a request that came with the fault.
    this.#events.clear();
    this.close(error.code, error.message);
  }
}
