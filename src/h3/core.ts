/**
 * The parts of an HTTP/3 connection, connected with each other, and what the peer's control and QPACK streams change. What
 * one part needs of another is a method here rather than a function of its own: a server holds all of this for each idle
 * connection.
 */

import type { Rng } from "../base/rng.ts";
import { QpackDecoder, QpackEncoder } from "../qpack/index.ts";
import type { StreamId, StreamTransport } from "../quic/transport.ts";
import { BidiStreams } from "./bidi-streams.ts";
import { type ControlStreamHandler, ControlStreamReader } from "./control-stream-reader.ts";
import { H3_ERRORS } from "./errors.ts";
import { EventQueue } from "./event-queue.ts";
import type { Role } from "./frames.ts";
import { HeadersFrames } from "./headers-frames.ts";
import { type DatagramPlace, HttpDatagrams, type HttpDatagramsHost } from "./http-datagrams.ts";
import { FRAME_WORK, IgnoredBudget, INSTRUCTION_WORK, MAX_BLOCKED_BYTES } from "./limits.ts";
import { LocalStreams } from "./local-streams.ts";
import { type H3Options, settingsFrom } from "./options.ts";
import { type CriticalStreamReaders, RemoteStreams } from "./remote-streams.ts";
import { Requests, type RequestsHost } from "./requests.ts";
import {
  checkKept,
  checkRegistered,
  DEFAULT_SETTINGS,
  type ExtensionSetting,
  type KnownSettings,
  type Settings,
} from "./settings.ts";
import { StreamClaims } from "./stream-claims.ts";
import type { H3Trace, TracedFrame } from "./trace.ts";

const NO_SETTINGS: readonly ExtensionSetting[] = [];
const NO_FRAMES: ReadonlySet<number> = new Set();

export class H3Core implements ControlStreamHandler, CriticalStreamReaders, HttpDatagramsHost, RequestsHost {
  readonly transport: StreamTransport;
  readonly peer: Role;
  readonly settings: KnownSettings;
  readonly extensionSettings: readonly ExtensionSetting[];
  readonly extensionFrames: ReadonlySet<number>;
  readonly date: (() => string) | undefined;
  readonly trace: H3Trace | undefined;
  readonly traceFrame: ((frame: TracedFrame) => void) | undefined;
  readonly claims: StreamClaims;
  readonly events: EventQueue = new EventQueue();
  readonly ignored: IgnoredBudget = new IgnoredBudget();
  readonly encoder: QpackEncoder;
  readonly decoder: QpackDecoder;
  readonly headers: HeadersFrames;
  readonly local: LocalStreams;
  readonly remote: RemoteStreams;
  readonly requests: Requests;
  readonly bidi: BidiStreams;
  readonly datagrams: HttpDatagrams | undefined;
  readonly #rng: Rng;
  readonly #control: ControlStreamReader;
  /** The peer's settings, or the defaults until they arrive. */
  peerSettings: Settings = DEFAULT_SETTINGS;
  /** Client: true once the server has sent GOAWAY. */
  isLeaving = false;
  /** What 0-RTT data relied on, unless it was rejected. */
  #remembered: Settings | undefined;

  constructor(transport: StreamTransport, options: H3Options) {
    const { claims = new StreamClaims(), extensionSettings = NO_SETTINGS, trace } = options;
    const settings = settingsFrom(options);
    checkRegistered(extensionSettings);
    this.transport = transport;
    this.peer = transport.role === "client" ? "server" : "client";
    this.settings = settings;
    this.extensionSettings = extensionSettings;
    this.extensionFrames = options.extensionFrames ?? NO_FRAMES;
    this.date = options.date;
    this.trace = trace;
    this.traceFrame = trace && ((frame) => trace({ type: "http3:frame-parsed", id: this.remote.controlId!, frame }));
    this.claims = claims;
    this.encoder = new QpackEncoder({ tableCapacity: settings.qpackMaxTableCapacity });
    this.decoder = new QpackDecoder({
      maxTableCapacity: settings.qpackMaxTableCapacity,
      maxBlockedStreams: settings.qpackBlockedStreams,
      maxFieldSectionSize: settings.maxFieldSectionSize,
      maxBlockedBytes: MAX_BLOCKED_BYTES,
    });
    this.local = new LocalStreams(transport, trace, options.origins, options.controlFrames);
    this.headers = new HeadersFrames(this.encoder, this.local.encoder);
    this.remote = new RemoteStreams(transport, this.peer, this, this.ignored, claims, trace);
    this.requests = new Requests(this);
    this.bidi = new BidiStreams(transport, this.requests, claims);
    this.datagrams = options.datagrams && new HttpDatagrams(options.datagrams, this);
    this.#rng = options.rng;
    this.#control = new ControlStreamReader(this.peer, this, this.ignored);
    this.#remembered = options.rememberedSettings;
    // QPACK's table stays empty until SETTINGS arrive; of the other settings, requests depend on the size of fields.
    if (this.#remembered === undefined) return;
    this.requests.peerMaxFieldSectionSize = this.#remembered.maxFieldSectionSize;
    if (this.datagrams !== undefined) this.datagrams.isNegotiated = this.#remembered.h3Datagram;
    trace?.({ type: "http3:parameters-restored", settings: this.#remembered });
  }

  /** The handshake is complete, or early data may be sent. */
  handleConnected(): void {
    this.local.writeSettings(this.settings, this.extensionSettings, this.#rng);
  }

  handleEarlyDataRejected(): void {
    this.#remembered = undefined;
  }

  // ── The peer's control and QPACK streams ──────────────────────────────────────────────────────────────────────────

  handleControlStream(bytes: Uint8Array): void {
    this.#control.handle(bytes);
  }

  handleEncoderStream(bytes: Uint8Array): void {
    this.transport.countWork(this.decoder.handleEncoderStream(bytes) * INSTRUCTION_WORK);
    let section = this.decoder.pollUnblocked();
    for (; section !== undefined; section = this.decoder.pollUnblocked()) {
      this.requests.handleUnblocked(section.streamId, section.result);
    }
  }

  handleDecoderStream(bytes: Uint8Array): void {
    this.transport.countWork(this.encoder.handleDecoderStream(bytes) * INSTRUCTION_WORK);
  }

  handleSettings(settings: Settings): void {
    if (this.#remembered !== undefined) checkKept(this.#remembered, settings);
    this.peerSettings = settings;
    if (this.datagrams !== undefined) this.datagrams.isNegotiated = settings.h3Datagram;
    this.trace?.({ type: "http3:parameters-set", initiator: "remote", settings });
    this.requests.peerMaxFieldSectionSize = settings.maxFieldSectionSize;
    this.encoder.setLimits({
      maxTableCapacity: settings.qpackMaxTableCapacity,
      maxBlockedStreams: settings.qpackBlockedStreams,
    });
    const instructions = this.encoder.takeInstructions();
    if (instructions !== undefined) this.local.encoder.write(instructions);
    this.events.push({ type: "settings", settings });
  }

  /** RFC 9114 §5.2: a client sends no more requests and fails those not processed. A server has no pushes to cancel. */
  handleGoaway(id: number): void {
    if (this.peer === "client") {
      this.events.push({ type: "goaway", unprocessed: [] });
      return;
    }
    this.isLeaving = true;
    const unprocessed = this.requests.from(id);
    for (const request of unprocessed) {
      this.requests.cancel(this.requests.get(request)!, H3_ERRORS.H3_REQUEST_CANCELLED.code);
    }
    this.events.push({ type: "goaway", unprocessed });
  }

  handleOrigins(origins: readonly string[]): void {
    this.events.push({ type: "origins", origins });
  }

  handleExtensionFrame(number: number, payload: Uint8Array): void {
    this.events.push({ type: "extension-frame", number, payload });
  }

  handlePriorityUpdate(type: number, id: number, value: Uint8Array): void {
    this.requests.priorities.handleUpdate(type, id, value);
  }

  isExtensionFrame(type: number): boolean {
    return this.extensionFrames.has(type);
  }

  isStreamSignal(type: number): boolean {
    return this.claims.hasBidi && this.claims.isClaimed("bidi", type);
  }

  countFrame(): void {
    this.transport.countWork(FRAME_WORK);
  }

  // ── What requests and their datagrams need ────────────────────────────────────────────────────────────────────────

  isAwaited(id: StreamId): boolean {
    return this.bidi.isAwaited(id);
  }

  writeUpdate(id: StreamId, value: string, maxPending: number): boolean {
    return this.local.writePriorityUpdate(id, value, maxPending);
  }

  onRequest(id: StreamId): void {
    this.datagrams?.handleRequest(id);
  }

  onEnd(id: StreamId): void {
    this.datagrams?.close(id);
  }

  maySendDatagrams(id: StreamId): boolean {
    return this.requests.get(id)?.writer.isOpen === true;
  }

  datagramPlace(id: StreamId): DatagramPlace {
    return this.requests.datagramPlace(id, this.bidi.nextRequestId);
  }

  refuseDatagram(id: StreamId): void {
    this.requests.refuseDatagram(id);
  }

  deliverDatagram(id: StreamId, payload: Uint8Array): void {
    this.events.push({ type: "datagram", id, payload });
  }
}
