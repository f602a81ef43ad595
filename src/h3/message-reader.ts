/**
 * The receiving part of a request stream: checks the order of frames (RFC 9114 §4.1) and decodes field sections. The
 * consumer pulls content, so that flow control follows the consumer.
 */

import type { FieldSection } from "../http/index.ts";
import { ByteQueue, type DecodeResult } from "../qpack/index.ts";
import type { StreamChunk, StreamId, StreamTransport } from "../quic/transport.ts";
import { concat } from "../wire/text.ts";
import { connectionError, malformed, StreamError } from "./errors.ts";
import { FrameHeaderReader } from "./frame-header-reader.ts";
import { checkFrame, FrameType, isGreaseId, isKnownFrame, type Role } from "./frames.ts";
import type { H3Trace, TracedFrame } from "./trace.ts";

/** The reader's interface to the connection. */
export interface MessageReaderHost {
  readonly peer: Role;
  /** The maximum size of a HEADERS frame, in bytes. */
  readonly maxFieldSectionSize: number;
  decode(id: StreamId, section: Uint8Array): DecodeResult;
  /** Handles an interim or final head; for a final one the host calls `expectContent`. With `fin`, nothing follows. */
  handleHead(id: StreamId, fields: FieldSection, fin: boolean): void;
  handleTrailers(id: StreamId, fields: FieldSection): void;
  handleTooLarge(id: StreamId): void;
  handleData(id: StreamId): void;
  handleFinished(id: StreamId): void;
  /** Returns true if an extension's bidirectional streams start with this type. */
  isStreamSignal(type: number): boolean;
  /** Returns true for a frame of an extension, which belongs on the control stream. */
  isExtensionFrame(type: number): boolean;
  /** Counts bytes of unknown frames. Throws if there are too many. */
  countIgnored(count: number): void;
  /** Counts the work of a frame (RFC 9114 §10.5). */
  countFrame(): void;
  readonly trace: H3Trace | undefined;
}

/** Received content. */
export interface ContentChunk {
  /** A view that the caller may keep. */
  readonly bytes: Uint8Array;
  /** True if the message ends after these bytes. */
  readonly fin: boolean;
}

const EMPTY = new Uint8Array(0);
/** Bytes to read at once when looking for frames. Content among them is buffered. */
const READ_AHEAD = 16_384;

export class MessageReader {
  readonly #host: MessageReaderHost;
  readonly #transport: StreamTransport;
  readonly #id: StreamId;
  readonly #header = new FrameHeaderReader();
  #chunk: Uint8Array = EMPTY;
  #at = 0;
  #finSeen = false;
  /** The type of the open frame; -1 between frames. */
  #frameType = -1;
  #frameRemaining = 0;
  #section: ByteQueue | undefined;
  /** The length of the latest field section. */
  #sectionLength = 0;
  #state: "head" | "content" | "trailers" | "blocked" | "ended" = "head";
  #stateAfterBlock: "head" | "content" = "head";
  #dataAnnounced = false;
  #received = 0;
  #expected: number | undefined;
  #mayHaveTrailers = true;

  constructor(host: MessageReaderHost, transport: StreamTransport, id: StreamId) {
    this.#host = host;
    this.#transport = transport;
    this.#id = id;
  }

  /** True once the message has ended or is no longer read. */
  get isDone(): boolean {
    return this.#state === "ended";
  }

  /** True once the final head has been received. */
  get hasHead(): boolean {
    return this.#state === "content" || this.#state === "trailers" || this.#stateAfterBlock === "content";
  }

  /** Bytes read from the stream that are held here. */
  get bytesHeld(): number {
    return this.#chunk.length - this.#at + (this.#section?.length ?? 0);
  }

  /** Call after a final head. Content follows, of `length` bytes if known. */
  expectContent(length: number | undefined, mayHaveTrailers = true): void {
    this.#state = "content";
    this.#expected = length;
    this.#mayHaveTrailers = mayHaveTrailers;
  }

  /** Supplies bytes that were already read from the stream. `fin` is true if the stream ended with them. */
  prepend(bytes: Uint8Array, fin: boolean): void {
    this.#chunk = bytes;
    this.#finSeen = fin;
  }

  /** Takes all that has arrived from a closed transport. Returns true if the message is complete. */
  takeRest(): boolean {
    if (this.#state === "ended" || this.#state === "blocked") return false;
    const parts = [this.#chunk.subarray(this.#at)];
    while (!this.#finSeen) {
      const chunk = this.#transport.read(this.#id);
      if (chunk === undefined) return false;
      parts.push(chunk.bytes);
      this.#finSeen = chunk.fin;
    }
    this.#chunk = concat(...parts);
    this.#at = 0;
    return true;
  }

  /** Stops reading and drops buffered data. */
  end(): void {
    this.#state = "ended";
    this.#chunk = EMPTY;
    this.#at = 0;
    this.#section = undefined;
  }

  /** Reads frames until content is available or there is nothing more to read. */
  handleReadable(): void {
    while (this.#state !== "ended" && this.#state !== "blocked") {
      if (this.#frameType === FrameType.DATA && this.#frameRemaining > 0) {
        this.#announceData();
        return;
      }
      if (this.#at === this.#chunk.length && !this.#readChunk()) return;
      if (this.#frameType === -1) this.#readHeader();
      else this.#readPayload();
    }
  }

  /** Returns content of at most `max` bytes, which may be copied `into` there; undefined if there is none now. */
  readData(max: number, into?: Uint8Array): ContentChunk | undefined {
    if (this.#frameType !== FrameType.DATA || this.#frameRemaining === 0 || this.#state !== "content") {
      this.#dataAnnounced = false;
      return undefined;
    }
    const wanted = Math.min(max, this.#frameRemaining);
    const bytes = this.#at < this.#chunk.length ? this.#takeBuffered(wanted) : this.#readContent(wanted, into);
    if (bytes === undefined) {
      this.#dataAnnounced = false;
      return undefined;
    }
    this.#frameRemaining -= bytes.length;
    if (this.#frameRemaining === 0) {
      this.#frameType = -1;
      // Only what follows the frame shows whether this was the end.
      this.handleReadable();
    }
    return { bytes, fin: this.isDone };
  }

  /** Call when the field section that blocked this stream has been decoded. */
  handleUnblocked(result: FieldSection | "too-large"): void {
    this.#state = this.#stateAfterBlock;
    this.#handleDecoded(result);
    this.handleReadable();
  }

  #announceData(): void {
    if (this.#dataAnnounced) return;
    this.#dataAnnounced = true;
    this.#host.handleData(this.#id);
  }

  /** Returns false if there is nothing to read now. */
  #readChunk(): boolean {
    if (this.#finSeen) {
      this.#handleFin();
      return false;
    }
    const chunk = this.#transport.read(this.#id, READ_AHEAD);
    if (chunk === undefined) return false;
    this.#chunk = chunk.bytes;
    this.#at = 0;
    this.#finSeen = chunk.fin;
    // An empty chunk only carries the end, which the next call finds.
    return chunk.bytes.length > 0 || this.#readChunk();
  }

  #takeBuffered(count: number): Uint8Array {
    const end = Math.min(this.#at + count, this.#chunk.length);
    const bytes = this.#chunk.subarray(this.#at, end);
    this.#at = end;
    return bytes;
  }

  #readContent(count: number, into: Uint8Array | undefined): Uint8Array | undefined {
    const chunk: StreamChunk | undefined = this.#finSeen
      ? { bytes: EMPTY, fin: true }
      : this.#transport.read(this.#id, count, into);
    if (chunk === undefined) return undefined;
    this.#finSeen = chunk.fin;
    if (chunk.fin && chunk.bytes.length < this.#frameRemaining) throw truncated();
    return chunk.bytes.length > 0 ? chunk.bytes : undefined;
  }

  #readHeader(): void {
    this.#at = this.#header.read(this.#chunk, this.#at);
    if (!this.#header.done) return;
    const { type, length } = this.#header;
    this.#host.countFrame();
    checkFrame(type, "request", this.#host.peer);
    this.#frameType = type;
    this.#frameRemaining = length;
    if (type === FrameType.DATA) this.#beginData(length);
    else if (type === FrameType.HEADERS) this.#beginHeaders(length);
    // RFC 9114 §7.2.5: we never allowed a push, so every push id is too large.
    else if (type === FrameType.PUSH_PROMISE)
      throw connectionError("H3_ID_ERROR", "PUSH_PROMISE", "push is not allowed");
    // The stream type of an extension is not a frame type.
    else if (this.#host.isStreamSignal(type))
      throw connectionError("H3_FRAME_ERROR", "request stream", "a stream signal after the start of the stream");
    else if (this.#host.isExtensionFrame(type))
      throw connectionError(
        "H3_FRAME_UNEXPECTED",
        "request stream",
        `frame 0x${type.toString(16)} of the control stream`,
      );
    else if (this.#host.trace !== undefined)
      this.#traceFrame({ type: isGreaseId(type) ? "reserved" : "unknown", number: type, length });
    if (this.#frameRemaining === 0 && this.#frameType !== FrameType.HEADERS) this.#frameType = -1;
  }

  #traceFrame(frame: TracedFrame): void {
    this.#host.trace?.({ type: "http3:frame-parsed", id: this.#id, frame });
  }

  #beginData(length: number): void {
    // RFC 9114 §4.1: DATA must not precede the head or follow trailers.
    if (this.#state !== "content") throw connectionError("H3_FRAME_UNEXPECTED", "request stream", "DATA out of place");
    this.#received += length;
    if (this.#host.trace !== undefined) this.#traceFrame({ type: "data", length });
    // RFC 9114 §4.1.2
    if (this.#expected !== undefined && this.#received > this.#expected) throw malformed("more content than announced");
  }

  #beginHeaders(length: number): void {
    if (this.#state === "trailers" || (this.#state === "content" && !this.#mayHaveTrailers)) {
      throw connectionError("H3_FRAME_UNEXPECTED", "request stream", "HEADERS out of place");
    }
    this.#sectionLength = length;
    // Only a malicious encoder produces a section longer than its decoded fields.
    if (length > this.#host.maxFieldSectionSize) this.#handleDecoded("too-large");
    else if (length === 0) this.#finishSection(EMPTY);
  }

  #readPayload(): void {
    const count = Math.min(this.#frameRemaining, this.#chunk.length - this.#at);
    const whole = count === this.#frameRemaining && this.#section === undefined;
    const bytes = this.#takeBuffered(count);
    this.#frameRemaining -= count;
    if (this.#frameType !== FrameType.HEADERS) {
      if (!isKnownFrame(this.#frameType)) this.#host.countIgnored(count);
      if (this.#frameRemaining === 0) this.#frameType = -1;
      return;
    }
    if (whole) {
      this.#finishSection(bytes);
      return;
    }
    this.#section ??= new ByteQueue();
    this.#section.append(bytes);
    if (this.#frameRemaining > 0) return;
    const section = this.#section.bytes;
    this.#section = undefined;
    this.#finishSection(section);
  }

  #finishSection(section: Uint8Array): void {
    this.#frameType = -1;
    const result = this.#host.decode(this.#id, section);
    if (result !== "blocked") {
      this.#handleDecoded(result);
      return;
    }
    this.#stateAfterBlock = this.#state === "content" ? "content" : "head";
    this.#state = "blocked";
  }

  #handleDecoded(result: FieldSection | "too-large"): void {
    if (result === "too-large") {
      this.#host.handleTooLarge(this.#id);
      return;
    }
    if (this.#host.trace !== undefined)
      this.#traceFrame({ type: "headers", fields: result, length: this.#sectionLength });
    if (this.#state === "content") {
      this.#state = "trailers";
      this.#host.handleTrailers(this.#id, result);
    } else {
      this.#host.handleHead(this.#id, result, this.#finSeen && this.#at === this.#chunk.length);
    }
  }

  /** RFC 9114 §4.1, §7.1 */
  #handleFin(): void {
    if (this.#frameType !== -1 || this.#header.isPartial) throw truncated();
    if (this.#state === "head") {
      if (this.#host.peer === "client")
        throw new StreamError("H3_REQUEST_INCOMPLETE", "the stream ended before the head");
      throw malformed("the stream ended before the final response");
    }
    if (this.#expected !== undefined && this.#received < this.#expected) throw malformed("less content than announced");
    this.#state = "ended";
    this.#host.handleFinished(this.#id);
  }
}

const truncated = () => connectionError("H3_FRAME_ERROR", "request stream", "the stream ended inside a frame");
