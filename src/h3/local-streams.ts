/** The unidirectional streams that we open (RFC 9114 §6.2): control, and QPACK's two. They never end. */

import type { Rng } from "../base/rng.ts";
import { type ConnectionFrame, emitOriginEntries } from "../http/index.ts";
import type { StreamId, StreamTransport } from "../quic/transport.ts";
import { latin1 } from "../wire/text.ts";
import { varintLength } from "../wire/varint.ts";
import { Writer } from "../wire/writer.ts";
import { connectionError } from "./errors.ts";
import { FrameType, greaseId, writeFrame } from "./frames.ts";
import { type ExtensionSetting, emitSettings, type KnownSettings } from "./settings.ts";
import { type H3StreamType, type H3Trace, type TracedFrame, tracedSettings } from "./trace.ts";

/** RFC 9114 §6.2, RFC 9204 §4.2 */
export const StreamType = { CONTROL: 0x00, PUSH: 0x01, QPACK_ENCODER: 0x02, QPACK_DECODER: 0x03 } as const;

/** For the trace. */
export const STREAM_TYPE_NAMES: readonly H3StreamType[] = ["control", "push", "qpack-encoder", "qpack-decoder"];

/** By stream type: the first byte of a stream. */
const TYPE_BYTES: readonly Uint8Array[] = STREAM_TYPE_NAMES.map((_, type) => Uint8Array.of(type));

/** The connection closes if a peer makes us queue more instructions without giving credit to send them. */
const MAX_PENDING = 64 * 1024;

export class LocalStream {
  readonly #transport: StreamTransport;
  readonly #type: number;
  readonly #trace: H3Trace | undefined;
  readonly #isLazy: boolean;
  #id: StreamId | undefined;
  #pending: readonly Uint8Array[];
  #pendingBytes: number;

  /**
   * The first `flush` with stream credit opens the stream; until then, data waits after the stream's type. With `isLazy`, the
   * stream is not opened without data.
   */
  constructor(transport: StreamTransport, type: number, isLazy: boolean, trace?: H3Trace) {
    this.#transport = transport;
    this.#isLazy = isLazy;
    this.#type = type;
    this.#trace = trace;
    const bytes = TYPE_BYTES[type]!;
    this.#pending = [bytes];
    this.#pendingBytes = bytes.length;
  }

  get id(): StreamId | undefined {
    return this.#id;
  }

  /** The number of bytes that could be sent immediately. */
  get credit(): number {
    return this.#id === undefined || this.#pendingBytes > 0 ? 0 : this.#transport.writableBytes(this.#id);
  }

  write(bytes: Uint8Array): void {
    this.#pendingBytes += bytes.length;
    if (this.#pendingBytes > MAX_PENDING) {
      throw connectionError("H3_EXCESSIVE_LOAD", "stream credit", "too little for our pending instructions");
    }
    this.#pending = [...this.#pending, bytes];
    this.flush();
  }

  /** The number of bytes that wait for credit. */
  get pending(): number {
    return this.#pendingBytes;
  }

  /** Writes pending data as far as credit allows. */
  flush(): void {
    if (this.#id === undefined) {
      if (this.#isLazy && this.#pending.length === 1) return;
      this.#id = this.#transport.openStream("uni");
      if (this.#id === undefined) return;
      // Ahead of all content: it is little, and requests depend on it.
      this.#transport.setPriority(this.#id, { urgency: 0, incremental: true });
      const streamType = STREAM_TYPE_NAMES[this.#type]!;
      this.#trace?.({ type: "http3:stream-type-set", id: this.#id, initiator: "local", streamType });
    }
    let written = 0;
    for (const bytes of this.#pending) {
      if (this.#transport.writableBytes(this.#id) === 0) break;
      written += 1;
      this.#pendingBytes -= bytes.length;
      this.#transport.write(this.#id, bytes, false);
    }
    if (written > 0) this.#pending = this.#pending.slice(written);
  }
}

const NO_FRAMES: readonly ConnectionFrame[] = [];

/** Our control stream and the two QPACK streams. */
export class LocalStreams {
  readonly encoder: LocalStream;
  readonly decoder: LocalStream;
  readonly #control: LocalStream;
  readonly #trace: H3Trace | undefined;
  /** For a server's ORIGIN frame. */
  readonly #origins: readonly string[] | undefined;
  readonly #frames: readonly ConnectionFrame[];

  constructor(
    transport: StreamTransport,
    trace?: H3Trace,
    origins?: readonly string[],
    frames: readonly ConnectionFrame[] = NO_FRAMES,
  ) {
    this.#frames = frames;
    this.#trace = trace;
    this.#origins = origins;
    this.#control = new LocalStream(transport, StreamType.CONTROL, false, trace);
    // RFC 9204 §4.2: it may be avoided if it is not used. Many peers have no dynamic table.
    this.encoder = new LocalStream(transport, StreamType.QPACK_ENCODER, true, trace);
    this.decoder = new LocalStream(transport, StreamType.QPACK_DECODER, false, trace);
  }

  has(id: StreamId): boolean {
    return id === this.#control.id || id === this.encoder.id || id === this.decoder.id;
  }

  flush(): void {
    this.#control.flush();
    this.encoder.flush();
    this.decoder.flush();
  }

  /** RFC 9114 §6.2.1: the first frame; §7.2.8: reserved values exercise the peer's handling of unknown ones. */
  writeSettings(settings: KnownSettings, registered: readonly ExtensionSetting[], rng: Rng): void {
    this.#trace?.({ type: "http3:parameters-set", initiator: "local", settings });
    const random16 = (): number => rng.uint32() & 0xffff;
    const payload = emitSettings(settings, registered, { id: greaseId(random16()), value: random16() });
    const origins = this.#origins;
    // RFC 9412 §2: after SETTINGS.
    const entries = origins === undefined ? undefined : emitOriginEntries(origins);
    const more = this.#frames.reduce((sum, each) => sum + each.payload.length + 16, entries?.length ?? 0);
    const writer = new Writer(new Uint8Array(payload.length + more + 48));
    writeFrame(writer, FrameType.SETTINGS, payload);
    if (entries !== undefined) writeFrame(writer, FrameType.ORIGIN, entries);
    for (const each of this.#frames) writeFrame(writer, each.type, each.payload);
    const reserved = greaseId(random16());
    writeFrame(writer, reserved, new Uint8Array(0));
    this.#control.write(writer.written());
    this.flush();
    if (this.#trace === undefined) return;
    this.#traceFrame({ type: "settings", settings: tracedSettings(payload), length: payload.length });
    if (origins !== undefined) this.#traceFrame({ type: "origin", origins });
    for (const { type, payload: of } of this.#frames)
      this.#traceFrame({ type: "unknown", number: type, length: of.length });
    this.#traceFrame({ type: "reserved", number: reserved, length: 0 });
  }

  /** Without stream credit, the control stream has no id yet, and the frame is not traced. */
  #traceFrame(frame: TracedFrame): void {
    const { id } = this.#control;
    if (id !== undefined) this.#trace?.({ type: "http3:frame-created", id, frame });
  }

  /** RFC 9218 §7.2. Returns false, and drops the frame, if more than `maxPending` bytes wait already. */
  writePriorityUpdate(id: StreamId, value: string, maxPending: number): boolean {
    if (this.#control.pending > maxPending) return false;
    const writer = new Writer(new Uint8Array(24 + value.length));
    writer.varint(FrameType.PRIORITY_UPDATE);
    writer.varint(varintLength(id) + value.length);
    writer.varint(id);
    writer.write(latin1(value));
    this.#control.write(writer.written());
    this.#traceFrame({ type: "priority-update", of: "request", id, value });
    return true;
  }

  /** RFC 9114 §7.2.6 */
  writeGoaway(id: number): void {
    const writer = new Writer(new Uint8Array(16));
    writer.varint(FrameType.GOAWAY);
    writer.varint(varintLength(id));
    writer.varint(id);
    this.#control.write(writer.written());
    this.#traceFrame({ type: "goaway", id });
  }
}
