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
import { isUnidirectional, type StreamId, type StreamTransport, type TransportEvent } from "../quic/transport.ts";
import type { VarInt } from "../wire/varint.ts";
import { BidiStreams } from "./bidi-streams.ts";
import { ControlStreamReader } from "./control-stream-reader.ts";
import { connectionError, H3_ERRORS, InvalidMessageError } from "./errors.ts";
import { EventQueue } from "./event-queue.ts";
import type { H3Event } from "./events.ts";
import type { Role } from "./frames.ts";
import { HeadersFrames } from "./headers-frames.ts";
import { FRAME_WORK, IgnoredBudget, INSTRUCTION_WORK } from "./limits.ts";
import { LocalStreams } from "./local-streams.ts";
import type { ContentChunk } from "./message-reader.ts";
import { type H3Options, settingsFrom } from "./options.ts";
import { checkFields, type OutgoingRequest, requestLines, responseLines } from "./outgoing.ts";
import { RemoteStreams } from "./remote-streams.ts";
import { Requests } from "./requests.ts";
import {
  checkRegistered,
  DEFAULT_SETTINGS,
  type ExtensionSetting,
  type KnownSettings,
  type Settings,
} from "./settings.ts";
import { StreamClaims, type StreamEvent } from "./stream-claims.ts";

/** The most bytes of QPACK-blocked field sections that one connection keeps. */
const MAX_BLOCKED_BYTES = 1024 * 1024;

export class H3Connection {
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
  #state: "connecting" | "open" | "draining" | "closed" = "connecting";
  #drainedAnnounced = false;
  #requestRefused = false;

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
    this.#local = new LocalStreams(transport);
    transport.setExcessiveLoadCode(H3_ERRORS.H3_EXCESSIVE_LOAD.code);
    const ignored = new IgnoredBudget();
    const control = new ControlStreamReader(
      peer,
      {
        extensionSettings,
        isStreamSignal: (type) => claims.hasBidi && claims.isClaimed("bidi", type),
        handleSettings: (received) => this.#handleSettings(received),
        handleGoaway: (id) => this.#handleGoaway(id),
        countFrame: () => transport.countWork(FRAME_WORK),
      },
      ignored,
    );
    const readers = {
      handleControlStream: (bytes: Uint8Array) => control.handle(bytes),
      handleEncoderStream: (bytes: Uint8Array) => this.#handleEncoderStream(bytes),
      handleDecoderStream: (bytes: Uint8Array) =>
        transport.countWork(this.#encoder.handleDecoderStream(bytes) * INSTRUCTION_WORK),
    };
    this.#remote = new RemoteStreams(transport, peer, readers, ignored, claims);
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
      allowsProtocol: settings.enableConnectProtocol,
    });
    this.#bidi = new BidiStreams(transport, this.#requests, claims);
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
      if (instructions !== undefined) this.#local.decoder.write(instructions);
    } catch (error) {
      this.#fail(error);
    }
    return this.#events.shift();
  }

  /** Client: a new request. Undefined when none may be made now; "requests-available" follows if streams were missing. */
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

  /** Whether `writeData` would find room. When not, "writable" follows. */
  hasRoom(id: StreamId): boolean {
    return this.#requests.get(id)?.writer.hasRoom ?? true;
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
    this.#bidi.isRefusing = true;
    try {
      // A client's GOAWAY carries a push id; we never allowed pushes, so 0.
      this.#local.writeGoaway(this.role === "server" ? this.#bidi.nextRequestId : 0);
      this.#checkDrained();
    } catch (error) {
      this.#fail(error);
    }
  }

  /** Closes the connection at once. */
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
      case "streams-available":
        this.#handleStreamsAvailable(event.direction);
        break;
      case "closed":
        this.#end();
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
        // RFC 9114 §6.2.1, RFC 9204 §4.2: ours are as critical as theirs.
        if (!this.#local.has(event.id)) break;
        throw connectionError("H3_CLOSED_CRITICAL_STREAM", "stream", "the peer stopped one that the connection needs");
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
    this.#peerSettings = settings;
    this.#requests.peerMaxFieldSectionSize = settings.maxFieldSectionSize;
    this.#encoder.setLimits({
      maxTableCapacity: settings.qpackMaxTableCapacity,
      maxBlockedStreams: settings.qpackBlockedStreams,
    });
    const instructions = this.#encoder.takeInstructions();
    if (instructions !== undefined) this.#local.encoder.write(instructions);
    this.#events.push({ type: "settings", settings });
  }

  #handleEncoderStream(bytes: Uint8Array): void {
    this.#transport.countWork(this.#decoder.handleEncoderStream(bytes) * INSTRUCTION_WORK);
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

  #end(): void {
    this.#state = "closed";
    this.#requests.clear();
    this.#claims.clear();
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
