/**
 * The request streams of a connection (RFC 9114 §4.1): opens and removes them, turns field sections into messages, and
 * ends individual streams that are malformed, reset or refused.
 */

import { SparseMap, SparseSet } from "../base/sparse-map.ts";
import { type FieldLine, type FieldSection, fieldSectionSize, hasNoContent } from "../http/index.ts";
import type { DecodeResult, QpackDecoder } from "../qpack/index.ts";
import type { StreamId, StreamTransport } from "../quic/transport.ts";
import { sameVarInt, type VarInt } from "../wire/varint.ts";
import { H3_ERRORS, malformed, RefusedRequest, StreamError } from "./errors.ts";
import type { EventQueue } from "./event-queue.ts";
import type { Role } from "./frames.ts";
import type { HeadersFrames } from "./headers-frames.ts";
import type { DatagramPlace } from "./http-datagrams.ts";
import { CancellationBudget, type IgnoredBudget } from "./limits.ts";
import { parseRequestHead, parseResponseHead, parseTrailers } from "./message.ts";
import type { ContentChunk, MessageReaderHost } from "./message-reader.ts";
import { type OutgoingRequest, responseLines } from "./outgoing.ts";
import { Priorities, type PrioritiesHost } from "./priorities.ts";
import { RequestStream } from "./request-stream.ts";
import type { KnownSettings } from "./settings.ts";
import type { H3Trace } from "./trace.ts";

/** The connection of the requests. */
export interface RequestsHost extends PrioritiesHost {
  readonly transport: StreamTransport;
  readonly peer: Role;
  /** Our settings. */
  readonly settings: KnownSettings;
  readonly events: EventQueue;
  readonly decoder: QpackDecoder;
  readonly headers: HeadersFrames;
  readonly ignored: IgnoredBudget;
  readonly date: (() => string) | undefined;
  readonly trace: H3Trace | undefined;
  isStreamSignal(type: number): boolean;
  /** Returns true for a frame of an extension, which belongs on the control stream. */
  isExtensionFrame(type: number): boolean;
  countFrame(): void;
  /** Called after a request's event. */
  onRequest(id: StreamId): void;
  /** Called when a request has ended in both directions. */
  onEnd(id: StreamId): void;
}

export class Requests implements MessageReaderHost {
  readonly peer: Role;
  readonly priorities: Priorities;
  readonly #host: RequestsHost;
  readonly #transport: StreamTransport;
  readonly #events: EventQueue;
  readonly #cancellations = new CancellationBudget();
  readonly #streams = new SparseMap<StreamId, RequestStream>();
  /** Finished requests with data that the peer has not acknowledged yet. Each still uses stream credit. */
  readonly #undelivered = new SparseSet<StreamId>();
  #isClosed = false;
  /** The peer's SETTINGS_MAX_FIELD_SECTION_SIZE. */
  peerMaxFieldSectionSize = Number.POSITIVE_INFINITY;

  constructor(host: RequestsHost) {
    this.#host = host;
    this.peer = host.peer;
    this.#transport = host.transport;
    this.#events = host.events;
    this.priorities = new Priorities(host);
  }

  get trace(): H3Trace | undefined {
    return this.#host.trace;
  }

  get maxFieldSectionSize(): number {
    return this.#host.settings.maxFieldSectionSize;
  }

  get size(): number {
    return this.#streams.size;
  }

  /** True if nothing would be lost by closing the connection now. */
  get isDrained(): boolean {
    return this.#streams.size === 0 && this.#undelivered.size === 0;
  }

  get(id: StreamId): RequestStream | undefined {
    return this.#streams.get(id);
  }

  /** Client: adds a stream that was just opened for a request. */
  open(id: StreamId, { method, protocol, fields }: OutgoingRequest): RequestStream {
    const stream = new RequestStream(this, this.#transport, id);
    stream.method = method;
    stream.hasProtocol = protocol !== undefined;
    stream.announced = true;
    this.#streams.set(id, stream);
    this.priorities.handleSent(id, fields);
    this.trace?.({ type: "http3:stream-type-set", id, initiator: "local", streamType: "request" });
    return stream;
  }

  /** Server: adds a stream that the client opened. The transport limits their number. */
  accept(id: StreamId): void {
    this.#cancellations.handleRequest();
    this.#streams.set(id, new RequestStream(this, this.#transport, id));
    this.trace?.({ type: "http3:stream-type-set", id, initiator: "remote", streamType: "request" });
  }

  /** Server: the number of requests whose head has not arrived completely. */
  get incompleteHeads(): number {
    let count = 0;
    for (const stream of this.#streams.values()) if (isIncomplete(stream)) count += 1;
    return count;
  }

  /** Bytes of incomplete heads and of content that was read along with them. */
  get bytesHeld(): number {
    let sum = 0;
    for (const { reader } of this.#streams.values()) sum += reader.bytesHeld;
    return sum;
  }

  /** Server: answers requests whose head is late. `before` is the lowest id that still has time. */
  refuseIncompleteHeads(before: StreamId): void {
    for (const stream of this.#streams.values()) {
      if (stream.id < before && isIncomplete(stream)) this.#refuse(stream, 408); // RFC 9110 §15.5.9
    }
  }

  /** The ids of all requests with this id or a higher one. */
  from(id: number): StreamId[] {
    return [...this.#streams.keys()].filter((open) => open >= id);
  }

  clear(): void {
    this.#streams.clear();
    this.priorities.clear();
    this.#undelivered.take();
  }

  /** Client: the transport is closed. Keeps only the responses that have arrived completely, so that they can be read. */
  keepReceived(): void {
    this.#isClosed = true;
    this.#undelivered.take();
    this.priorities.clear();
    for (const [id, stream] of this.#streams) {
      if (!stream.reader.takeRest()) this.#streams.delete(id);
      else this.#endWriting(stream, H3_ERRORS.H3_NO_ERROR.code);
    }
  }

  /** One of these responses is malformed: drops all of them. */
  abandon(code: VarInt, detail: string): void {
    for (const stream of this.#streams.values()) this.#announceReset(stream, code, "local", false, detail);
    this.clear();
  }

  // ── Events of the transport ───────────────────────────────────────────────────────────────────────────────────────

  handleReadable(id: StreamId): void {
    const stream = this.#streams.get(id);
    if (stream === undefined) return;
    try {
      stream.reader.handleReadable();
    } catch (error) {
      this.#handleError(stream, error);
    }
    this.settle(stream);
  }

  /** Call when a blocked field section has been decoded. */
  handleUnblocked(id: StreamId, result: FieldSection | "too-large"): void {
    const stream = this.#streams.get(id);
    if (stream === undefined) return;
    try {
      stream.reader.handleUnblocked(result);
    } catch (error) {
      this.#handleError(stream, error);
    }
    this.settle(stream);
  }

  handleWritable(id: StreamId): void {
    if (this.#streams.get(id)?.writer.isOpen) this.#events.push({ type: "writable", id });
  }

  /** Call for RESET_STREAM. */
  handleReset(id: StreamId, code: VarInt): void {
    const stream = this.#streams.get(id);
    if (stream === undefined || stream.reader.isDone) return;
    this.#endReading(stream);
    this.#countCancellation(stream);
    const retryable = this.peer === "server" && sameVarInt(code, H3_ERRORS.H3_REQUEST_REJECTED.code);
    this.#announceReset(stream, code, "peer", retryable, "reset by the peer");
    // Without its response a request is useless, and so is a response to an incomplete request.
    if (this.peer === "server" || !stream.announced) this.#endWriting(stream, H3_ERRORS.H3_REQUEST_CANCELLED.code);
    this.settle(stream);
  }

  /** Call when the peer has acknowledged everything. */
  handleDelivered(id: StreamId): void {
    this.#undelivered.delete(id);
    if (this.peer === "client") this.priorities.handleEnd(id);
    this.#streams.get(id)?.writer.handleDelivered();
  }

  /** Call for STOP_SENDING. */
  handleStopped(id: StreamId, code: VarInt): void {
    this.#undelivered.delete(id);
    if (this.peer === "client") this.priorities.handleEnd(id);
    const stream = this.#streams.get(id);
    if (stream?.writer.isDone) stream.writer.handleDelivered();
    if (stream === undefined || stream.writer.isDone) return;
    stream.writer.handleStopped();
    this.#countCancellation(stream);
    if (stream.announced) this.#events.push({ type: "stopped", id, code });
    // A server's application must end the response to an announced request. In all other cases, finish now.
    if (this.peer === "server" || !stream.announced) stream.writer.finishStopped();
    this.settle(stream);
  }

  // ── Commands of the application ───────────────────────────────────────────────────────────────────────────────────

  /** Content of at most `MAX_JOINED_CONTENT` goes out with the section. */
  writeSection(stream: RequestStream, lines: FieldSection, fin: boolean, content?: Uint8Array): void {
    if (!stream.writer.isOpen) {
      if (fin) stream.writer.finishStopped();
    } else if (this.fits(lines)) {
      if (isFinalHead(lines)) this.priorities.handleResponse(stream.id, lines);
      const bytes = this.#host.headers.write(stream.id, lines, content);
      const { headLength } = this.#host.headers;
      if (this.trace !== undefined) this.#traceHeaders(stream.id, lines, headLength);
      stream.writer.writeFrames(bytes, headLength, fin);
      if (content !== undefined) {
        this.trace?.({ type: "http3:frame-created", id: stream.id, frame: { type: "data", length: content.length } });
      }
    } else {
      // Not the application's fault: the peer's limit may be unknown to it.
      this.#end(stream, H3_ERRORS.H3_INTERNAL_ERROR.code, this.tooLarge(lines));
    }
    this.settle(stream);
  }

  /** `size` includes the type and length of the frame. */
  #traceHeaders(id: StreamId, fields: FieldSection, size: number): void {
    // The length takes one byte up to 63, two up to 16,383, and then four.
    const length = size <= 65 ? size - 2 : size <= 16_386 ? size - 3 : size - 5;
    this.trace?.({ type: "http3:frame-created", id, frame: { type: "headers", fields, length } });
  }

  /** RFC 9114 §4.2.2: sections larger than the peer accepts must not be sent. */
  fits(lines: FieldSection): boolean {
    return fieldSectionSize(lines) <= this.peerMaxFieldSectionSize;
  }

  tooLarge(lines: FieldSection): string {
    return `a field section of ${fieldSectionSize(lines)} bytes; the peer accepts ${this.peerMaxFieldSectionSize}`;
  }

  readData(stream: RequestStream, max: number, into?: Uint8Array): ContentChunk | undefined {
    try {
      return stream.reader.readData(max, into);
    } catch (error) {
      this.#handleError(stream, error);
      return undefined;
    } finally {
      this.settle(stream);
    }
  }

  stopReading(stream: RequestStream, code: VarInt): void {
    if (!stream.reader.isDone) {
      this.#transport.stopSending(stream.id, code);
      this.#endReading(stream);
    }
    this.settle(stream);
  }

  cancel(stream: RequestStream, code: VarInt): void {
    this.#endWriting(stream, code);
    this.stopReading(stream, code);
  }

  /** Removes a stream once both directions have ended. */
  settle(stream: RequestStream): void {
    if (!stream.isDone || !this.#streams.delete(stream.id)) return;
    this.#host.onEnd(stream.id);
    const isDelivered = stream.writer.isDelivered;
    if (!isDelivered) this.#undelivered.add(stream.id);
    // A response that is still being sent keeps its place, and may get another one.
    if (isDelivered || this.peer === "server") this.priorities.handleEnd(stream.id);
  }

  /** What a datagram for a stream finds there. `unseen` is the lowest id that no request has used. */
  datagramPlace(id: StreamId, unseen: StreamId): DatagramPlace {
    const stream = this.#streams.get(id);
    if (stream === undefined) return this.peer === "client" && id >= unseen ? "early" : "gone";
    // RFC 9297 §2.1: silently dropped once the receiving side has closed.
    if (stream.reader.isDone) return "gone";
    if (!stream.announced) return "early";
    return stream.hasProtocol ? "accepts" : "unexpected";
  }

  /** Ends a request for which a datagram has no meaning (RFC 9297 §2). */
  refuseDatagram(id: StreamId): void {
    const stream = this.#streams.get(id);
    if (stream === undefined) return;
    this.#handleError(stream, new StreamError("H3_DATAGRAM_ERROR", "a datagram, which has no meaning for the request"));
    this.settle(stream);
  }

  // ── Events of the readers ─────────────────────────────────────────────────────────────────────────────────────────

  decode(id: StreamId, section: Uint8Array): DecodeResult {
    const result = this.#host.decoder.decode(id, section);
    if (result === "blocked" && this.#isClosed) throw malformed("trailers refer to insertions that did not arrive");
    return result;
  }

  isExtensionFrame(type: number): boolean {
    return this.#host.isExtensionFrame(type);
  }

  isStreamSignal(type: number): boolean {
    return this.#host.isStreamSignal(type);
  }

  countFrame(): void {
    this.#host.countFrame();
  }

  countIgnored(count: number): void {
    this.#host.ignored.count(count);
  }

  handleHead(id: StreamId, fields: FieldSection, fin: boolean): void {
    const stream = this.#streams.get(id)!;
    if (this.peer === "client") this.#handleRequestHead(stream, fields, fin);
    else this.#handleResponseHead(stream, fields, fin);
  }

  handleTrailers(id: StreamId, fields: FieldSection): void {
    this.#events.push({ type: "trailers", id, fields: parseTrailers(fields) });
  }

  handleData(id: StreamId): void {
    this.#events.push({ type: "data", id });
  }

  handleFinished(id: StreamId): void {
    this.#events.push({ type: "finished", id });
  }

  handleTooLarge(id: StreamId): void {
    const stream = this.#streams.get(id)!;
    if (this.peer === "server" || stream.announced) {
      throw new StreamError("H3_EXCESSIVE_LOAD", `a field section larger than ${this.maxFieldSectionSize} bytes`);
    }
    this.#refuse(stream, 431); // RFC 9114 §4.2.2, RFC 6585 §5
  }

  /** Responds to a refused request without involving the application. */
  #refuse(stream: RequestStream, status: number): void {
    const fields: FieldLine[] = [["content-length", "0"]];
    const date = this.#host.date?.();
    if (date !== undefined) fields.push(["date", date]);
    this.writeSection(stream, responseLines(status, fields), true);
    this.stopReading(stream, H3_ERRORS.H3_NO_ERROR.code);
  }

  #handleRequestHead(stream: RequestStream, fields: FieldSection, fin: boolean): void {
    const head = parseRequestHead(fields, this.#host.settings.enableConnectProtocol);
    if (fin) checkEmpty(head.contentLength);
    stream.method = head.method;
    stream.hasProtocol = head.protocol !== undefined;
    stream.announced = true;
    // RFC 9114 §4.4: after CONNECT, only DATA frames follow.
    stream.reader.expectContent(head.contentLength, head.method !== "CONNECT");
    this.priorities.handleRequest(stream.id, head.method, head.fields);
    this.#events.push({ type: "request", id: stream.id, head, fin });
    this.#host.onRequest(stream.id);
  }

  #handleResponseHead(stream: RequestStream, fields: FieldSection, fin: boolean): void {
    const head = parseResponseHead(fields);
    const { id, method } = stream;
    if (head.status < 200) {
      this.#events.push({ type: "informational", id, status: head.status, fields: head.fields });
      return;
    }
    const isTunnel = method === "CONNECT" && head.status < 300;
    // RFC 9110 §8.6: these responses have no content, whatever their content-length.
    const length = isTunnel ? undefined : hasNoContent(method, head.status) ? 0 : head.contentLength;
    if (fin) checkEmpty(length);
    stream.reader.expectContent(length, !isTunnel);
    this.#events.push({ type: "response", id, head, fin });
  }

  // ── Ending streams ────────────────────────────────────────────────────────────────────────────────────────────────

  #handleError(stream: RequestStream, error: unknown): void {
    if (error instanceof RefusedRequest) {
      this.#refuse(stream, error.status);
      return;
    }
    if (!(error instanceof StreamError)) throw error;
    // A client that provokes our reset has cancelled its request ("MadeYouReset").
    if (stream.announced) this.#countCancellation(stream);
    this.#end(stream, error.code, error.message);
  }

  /** Ends both directions from this side. */
  #end(stream: RequestStream, code: number, detail: string): void {
    if (!stream.reader.isDone) this.#transport.stopSending(stream.id, code);
    this.#endReading(stream);
    this.#endWriting(stream, code);
    this.#announceReset(stream, code, "local", false, detail);
  }

  #endReading(stream: RequestStream): void {
    if (stream.reader.isDone) return;
    stream.reader.end();
    // RFC 9204 §2.2.2.2
    this.#host.decoder.cancelStream(stream.id);
  }

  #endWriting(stream: RequestStream, code: VarInt): void {
    if (!stream.writer.isDone) stream.writer.reset(code);
  }

  #countCancellation(stream: RequestStream): void {
    if (this.peer === "server" || stream.cancelled) return;
    stream.cancelled = true;
    this.#cancellations.handleCancellation();
  }

  #announceReset(stream: RequestStream, code: VarInt, by: "peer" | "local", retryable: boolean, detail: string): void {
    if (stream.announced) this.#events.push({ type: "reset", id: stream.id, code, by, retryable, detail });
  }
}

const isFinalHead = ([first]: FieldSection): boolean => first?.[0] === ":status" && first[1] >= "2";

const isIncomplete = ({ announced, reader }: RequestStream): boolean => !announced && !reader.isDone;

/** RFC 9114 §4.1.2: content was announced, but the message has none. */
function checkEmpty(contentLength: number | undefined): void {
  if (contentLength !== undefined && contentLength > 0) throw malformed("less content than announced");
}
