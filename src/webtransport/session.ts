/**
 * A WebTransport session as a machine, in either role: streams in both directions, datagrams, and an orderly end. What
 * carries it is a `Carrier`: HTTP/3, or a WebSocket (`qmux/`).
 *
 * The carrier calls the `handle` methods, the application the others; then it polls events until there are none.
 */

import type { Instant } from "../base/time.ts";
import type { SendDatagramResult, StreamChunk, StreamDirection, StreamId } from "../quic/transport.ts";
import { type CloseInfo, PLAIN_CLOSE, sendableInfo } from "./close-info.ts";
import { MAX_APPLICATION_CODE } from "./error-codes.ts";

/** A stream's place among those of its session: groups take turns; a higher send order goes first within its group. */
export interface StreamOrder {
  /** Undefined for streams without a group, which share one. */
  readonly group: object | undefined;
  readonly sendOrder: number;
}

/** Codes are those of the application. */
export interface Carrier {
  /** The largest datagram that can be sent now; 0 if there are none. */
  readonly maxDatagramSize: number;
  /** Undefined if the peer's limit is reached: `handleStreamsAvailable` follows. */
  openStream(direction: StreamDirection): StreamId | undefined;
  /** Returns false if there is no room for more now: `handleWritable` follows. */
  write(id: StreamId, bytes: Uint8Array, fin: boolean): boolean;
  read(id: StreamId, max?: number): StreamChunk | undefined;
  reset(id: StreamId, code: number): void;
  stopSending(id: StreamId, code: number): void;
  setOrder(id: StreamId, order: StreamOrder): void;
  /** Copies the payload. */
  sendDatagram(payload: Uint8Array, expires?: Instant): SendDatagramResult;
  /** Keying material of this session, at both sides the same. Absent if the carrier has none. */
  exportKeyingMaterial?(label: Uint8Array, context: Uint8Array, length: number): Uint8Array;
  /** Asks the peer to end the session soon. */
  drain(): void;
  /** Ends the session and all its streams. */
  close(info: CloseInfo): void;
}

export type SessionEvent =
  /** The peer opened a stream. */
  | { readonly type: "stream"; readonly id: StreamId; readonly direction: StreamDirection }
  /** There is something to read: bytes, the end, or both. */
  | { readonly type: "readable"; readonly id: StreamId }
  /** There is room again. */
  | { readonly type: "writable"; readonly id: StreamId }
  /** The peer abandoned its part of the stream. `code` is undefined if it is not one of the application. */
  | { readonly type: "reset"; readonly id: StreamId; readonly code: number | undefined }
  /** The peer does not read any more. */
  | { readonly type: "stopped"; readonly id: StreamId; readonly code: number | undefined }
  /** The peer has everything that was written to the stream. */
  | { readonly type: "finished"; readonly id: StreamId }
  /** A stream can be opened now, after `openStream` returned undefined. */
  | { readonly type: "streams-available"; readonly direction: StreamDirection }
  | { readonly type: "datagram"; readonly payload: Uint8Array }
  /** The peer would like the session to end soon. Everything still works. */
  | { readonly type: "draining" }
  /** The session has ended. The last event. `error` is set if it was cut off. */
  | { readonly type: "closed"; readonly info: CloseInfo; readonly error: Error | undefined };

export interface SessionCounts {
  /** Streams opened by this side, and by the peer. */
  outgoing: number;
  incoming: number;
  /** Parts of streams that the peer reset, and those that it stopped reading. */
  resets: number;
  stops: number;
  /** Content of streams that the application wrote, and that it read. */
  bytesSent: number;
  bytesReceived: number;
  datagramsSent: number;
  datagramsReceived: number;
  /** Datagrams that `sendDatagram` did not queue. */
  datagramsRefused: number;
}

export class Session {
  readonly counts: SessionCounts = {
    outgoing: 0,
    incoming: 0,
    resets: 0,
    stops: 0,
    bytesSent: 0,
    bytesReceived: 0,
    datagramsSent: 0,
    datagramsReceived: 0,
    datagramsRefused: 0,
  };
  readonly #carrier: Carrier;
  readonly #events: SessionEvent[] = [];
  #onEvent: (() => void) | undefined;
  #state: "open" | "draining" | "closed" = "open";

  constructor(carrier: Carrier) {
    this.#carrier = carrier;
  }

  get isClosed(): boolean {
    return this.#state === "closed";
  }

  get isDraining(): boolean {
    return this.#state === "draining";
  }

  get maxDatagramSize(): number {
    return this.isClosed ? 0 : this.#carrier.maxDatagramSize;
  }

  /** Called when there may be events to poll. */
  set onEvent(listener: () => void) {
    this.#onEvent = listener;
    if (this.#events.length > 0) listener();
  }

  pollEvent(): SessionEvent | undefined {
    // There is seldom more than one, and `pop` costs less than `shift`.
    return this.#events.length === 1 ? this.#events.pop() : this.#events.shift();
  }

  // ── Commands of the application ───────────────────────────────────────────────────────────────────────────────────

  /** Undefined if the peer's limit is reached, or the session has ended. */
  openStream(direction: StreamDirection): StreamId | undefined {
    if (this.isClosed) return undefined;
    const id = this.#carrier.openStream(direction);
    if (id !== undefined) this.counts.outgoing += 1;
    return id;
  }

  write(id: StreamId, bytes: Uint8Array, fin: boolean): boolean {
    if (this.isClosed) return true;
    this.counts.bytesSent += bytes.length;
    return this.#carrier.write(id, bytes, fin);
  }

  read(id: StreamId, max?: number): StreamChunk | undefined {
    if (this.isClosed) return undefined;
    const chunk = this.#carrier.read(id, max);
    if (chunk !== undefined) this.counts.bytesReceived += chunk.bytes.length;
    return chunk;
  }

  reset(id: StreamId, code: number): void {
    if (!this.isClosed) this.#carrier.reset(id, checked(code));
  }

  stopSending(id: StreamId, code: number): void {
    if (!this.isClosed) this.#carrier.stopSending(id, checked(code));
  }

  setOrder(id: StreamId, order: StreamOrder): void {
    if (!this.isClosed) this.#carrier.setOrder(id, order);
  }

  sendDatagram(payload: Uint8Array, expires?: Instant): SendDatagramResult {
    const result = this.isClosed ? "closed" : this.#carrier.sendDatagram(payload, expires);
    if (result === "queued") this.counts.datagramsSent += 1;
    else this.counts.datagramsRefused += 1;
    return result;
  }

  /** Keying material that belongs to this session; undefined if what carries it has none. */
  exportKeyingMaterial(label: Uint8Array, context: Uint8Array, length: number): Uint8Array | undefined {
    return this.isClosed ? undefined : this.#carrier.exportKeyingMaterial?.(label, context, length);
  }

  /** Asks the peer to end the session soon; nothing else changes. */
  drain(): void {
    if (!this.isClosed) this.#carrier.drain();
  }

  /** Ends the session and all its streams; a long reason is cut. A "closed" event follows. */
  close(info: CloseInfo = PLAIN_CLOSE): void {
    if (this.isClosed) return;
    const sent = sendableInfo(info);
    this.#carrier.close(sent);
    this.#end(sent, undefined);
  }

  // ── Events of the carrier ─────────────────────────────────────────────────────────────────────────────────────────

  handleStream(id: StreamId, direction: StreamDirection): void {
    this.counts.incoming += 1;
    this.#emit({ type: "stream", id, direction });
  }

  handleReadable(id: StreamId): void {
    this.#emit({ type: "readable", id });
  }

  handleWritable(id: StreamId): void {
    this.#emit({ type: "writable", id });
  }

  handleReset(id: StreamId, code: number | undefined): void {
    this.counts.resets += 1;
    this.#emit({ type: "reset", id, code });
  }

  handleStopped(id: StreamId, code: number | undefined): void {
    this.counts.stops += 1;
    this.#emit({ type: "stopped", id, code });
  }

  handleFinished(id: StreamId): void {
    this.#emit({ type: "finished", id });
  }

  handleStreamsAvailable(direction: StreamDirection): void {
    this.#emit({ type: "streams-available", direction });
  }

  handleDatagram(payload: Uint8Array): void {
    if (this.isClosed) return;
    this.counts.datagramsReceived += 1;
    this.#emit({ type: "datagram", payload });
  }

  handleDraining(): void {
    if (this.#state !== "open") return;
    this.#state = "draining";
    this.#emit({ type: "draining" });
  }

  /** The peer ended the session, or it was cut off. */
  handleClosed(info: CloseInfo, error?: Error): void {
    if (!this.isClosed) this.#end(info, error);
  }

  #end(info: CloseInfo, error: Error | undefined): void {
    this.#state = "closed";
    // What the session brought is not read any more.
    this.#events.length = 0;
    this.#events.push({ type: "closed", info, error });
    this.#onEvent?.();
  }

  #emit(event: SessionEvent): void {
    if (this.isClosed) return;
    this.#events.push(event);
    this.#onEvent?.();
  }
}

function checked(code: number): number {
  if (Number.isInteger(code) && code >= 0 && code <= MAX_APPLICATION_CODE) return code;
  throw new RangeError(`${code} is not an error code of a stream: it must be an integer from 0 to 2^32 - 1`);
}
