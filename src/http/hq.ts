/**
 * HTTP/0.9 over QUIC streams, ALPN `hq-interop`: a client sends `GET /path` and a line end on a bidirectional stream
 * and ends it; the server sends only the content and ends the stream. There are no heads and no status: a server without
 * content for the path resets the stream. Interop runs use it to test QUIC alone.
 *
 * Call it like any machine: `handleTransportEvent`, `pollEvent` until undefined, commands in between.
 */

import { assertNever } from "../base/errors.ts";
import {
  type CloseReason,
  isServerInitiated,
  isUnidirectional,
  type StreamChunk,
  type StreamId,
  type StreamTransport,
  type TransportEvent,
} from "../quic/transport.ts";
import { concat, fromLatin1, latin1 } from "../wire/text.ts";
import type { VarInt } from "../wire/varint.ts";

export const HQ_ALPN = "hq-interop";

/** The protocol defines no error codes; any value but 0 signals an error. */
export const HQ_ERROR = 1;

const MAX_REQUEST_LINE = 8192;

export type HqEvent =
  /** Server: a request. Answer with `writeData`, or `cancel` if there is no content. */
  | { readonly type: "request"; readonly id: StreamId; readonly path: string }
  /** Client: `readData` has content to return. Not repeated until it has returned undefined. */
  | { readonly type: "data"; readonly id: StreamId }
  /** There is room again after `writeData` returned false. */
  | { readonly type: "writable"; readonly id: StreamId }
  /** The peer cancelled the request. */
  | { readonly type: "reset"; readonly id: StreamId; readonly code: VarInt }
  /** Client: `request`, which failed for lack of streams, will now succeed. */
  | { readonly type: "requests-available" }
  | { readonly type: "closed"; readonly reason: CloseReason };

export class HqConnection {
  readonly #transport: StreamTransport;
  readonly #events: HqEvent[] = [];
  /** Server: incomplete request lines. The transport limits the number of streams. */
  readonly #lines = new Map<StreamId, Uint8Array>();
  #requestRefused = false;
  #closed = false;

  constructor(transport: StreamTransport) {
    this.#transport = transport;
  }

  get isClosed(): boolean {
    return this.#closed;
  }

  handleTransportEvent(event: TransportEvent): void {
    if (this.#closed) return;
    switch (event.type) {
      case "stream-opened":
        this.#handleOpened(event.id);
        break;
      case "stream-readable":
        if (this.#transport.role === "client") this.#events.push({ type: "data", id: event.id });
        else this.#readLine(event.id);
        break;
      case "stream-writable":
        this.#events.push({ type: "writable", id: event.id });
        break;
      case "stream-stopped":
        // The server may answer without reading the end of the request.
        if (this.#transport.role === "client") break;
        this.#handleReset(event.id, event.code);
        break;
      case "stream-reset":
        this.#handleReset(event.id, event.code);
        break;
      case "streams-available":
        if (event.direction === "bidi" && this.#requestRefused) this.#events.push({ type: "requests-available" });
        this.#requestRefused &&= event.direction !== "bidi";
        break;
      case "closed":
        this.#closed = true;
        this.#events.push({ type: "closed", reason: event.reason });
        break;
      case "connected":
      case "handshake-complete":
      case "stream-finished":
      case "datagram-readable":
        break;
      default:
        assertNever(event);
    }
  }

  pollEvent(): HqEvent | undefined {
    return this.#events.shift();
  }

  /** Client: requests a path. Returns undefined if no stream can be opened now; "requests-available" will follow. */
  request(path: string): StreamId | undefined {
    if (!/^\/[\x21-\x7e\x80-\xff]*$/.test(path)) throw new TypeError(`${JSON.stringify(path)} is not a path`);
    const line = latin1(`GET ${path}\r\n`);
    if (line.length > MAX_REQUEST_LINE) throw new TypeError(`a path of ${path.length} characters is too long`);
    if (this.#closed) return undefined;
    const id = this.#transport.openStream("bidi");
    if (id === undefined) {
      this.#requestRefused = true;
      return undefined;
    }
    this.#transport.write(id, line, true);
    return id;
  }

  /** Client: reads at most `max` bytes of content; `fin` is set on the last chunk. Undefined if none is available now. */
  readData(id: StreamId, max?: number): StreamChunk | undefined {
    return this.#closed ? undefined : this.#transport.read(id, max);
  }

  /** Server: returns false if the buffer is full; "writable" will follow. */
  hasRoom(id: StreamId): boolean {
    return !this.#closed && this.#transport.writableBytes(id) > 0;
  }

  /** Server: writes content by reference. Returns false if the buffer is full until "writable". */
  writeData(id: StreamId, bytes: Uint8Array, fin: boolean): boolean {
    return this.#closed || this.#transport.write(id, bytes, fin);
  }

  /** Aborts both directions of a request. */
  cancel(id: StreamId, code: VarInt = HQ_ERROR): void {
    if (this.#closed) return;
    this.#lines.delete(id);
    this.#transport.reset(id, code);
    this.#transport.stopSending(id, code);
  }

  close(code: VarInt = 0, phrase = ""): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#transport.close(code, phrase);
    this.#events.push({ type: "closed", reason: { type: "local", layer: "application", code, phrase } });
  }

  #handleReset(id: StreamId, code: VarInt): void {
    this.#lines.delete(id);
    this.#events.push({ type: "reset", id, code });
  }

  #handleOpened(id: StreamId): void {
    // The protocol defines only requests.
    if (isUnidirectional(id)) this.#transport.stopSending(id, HQ_ERROR);
    else if (isServerInitiated(id)) this.cancel(id);
    else this.#lines.set(id, new Uint8Array(0));
  }

  #readLine(id: StreamId): void {
    let line = this.#lines.get(id);
    if (line === undefined) {
      this.#readToEnd(id);
      return;
    }
    for (let chunk = this.#transport.read(id); chunk !== undefined; chunk = this.#transport.read(id)) {
      line = concat(line, chunk.bytes);
      if (line.length > MAX_REQUEST_LINE) {
        this.cancel(id);
        return;
      }
      // Some clients end the stream without ending the line.
      if (chunk.fin || line.includes(NEWLINE)) {
        this.#handleLine(id, fromLatin1(line));
        this.#readToEnd(id);
        return;
      }
    }
    this.#lines.set(id, line);
  }

  /** Only a stream that was read to its end makes room for another. */
  #readToEnd(id: StreamId): void {
    while (this.#transport.read(id) !== undefined);
  }

  #handleLine(id: StreamId, line: string): void {
    const path = /^GET (\/[\x21-\x7e\x80-\xff]*)\r?\n?$/.exec(line)?.[1];
    this.#lines.delete(id);
    if (path === undefined) this.cancel(id);
    else this.#events.push({ type: "request", id, path });
  }
}

const NEWLINE = 0x0a;
