/**
 * What a protocol above QUIC (HTTP/3, hq-interop, later MoQ) sees of a connection: ordered byte streams with
 * backpressure. The connection implements it; tests implement it in memory.
 *
 * Everything is synchronous. The driver drains the connection's events, hands them to the protocol, which calls back
 * into these methods; then the driver lets the connection transmit.
 */

import type { VarInt } from "../wire/varint.ts";
import type { SendPriority, SendSession } from "./streams/scheduler/index.ts";
import type { SendSource } from "./streams/send-source.ts";

/**
 * A stream id (RFC 9000 §2.1): bit 0 is the initiator (0 client, 1 server), bit 1 the direction (0 bidi, 1 uni).
 * Ids stay far below 2^53 because each side limits how many streams there may be.
 */
export type StreamId = number;
export type StreamDirection = "bidi" | "uni";

export const isServerInitiated = (id: StreamId): boolean => id % 2 === 1;
export const isUnidirectional = (id: StreamId): boolean => id % 4 >= 2;

export type TransportEvent =
  /** The handshake is complete; streams may be opened and written. */
  | { readonly type: "connected"; readonly alpn: string }
  /** The peer opened a stream. Comes before any other event of that stream. */
  | { readonly type: "stream-opened"; readonly id: StreamId }
  /** There is something new to read: bytes, the end, or both. Given once until `read` has drained the stream. */
  | { readonly type: "stream-readable"; readonly id: StreamId }
  /** There is room again, after `write` gave false or `writableBytes` 0. */
  | { readonly type: "stream-writable"; readonly id: StreamId }
  /** The peer reset its sending part (RESET_STREAM). Unread bytes are gone. */
  | { readonly type: "stream-reset"; readonly id: StreamId; readonly code: VarInt }
  /**
   * The peer will not read more (STOP_SENDING); our sending part has been reset. Answer with `reset`, or a last `write`,
   * when the work for it has ended: only then does a stream of the peer's make room for another.
   */
  | { readonly type: "stream-stopped"; readonly id: StreamId; readonly code: VarInt }
  /** Everything written, and the end, has been acknowledged. */
  | { readonly type: "stream-finished"; readonly id: StreamId }
  /** `openStream` was refused before for want of credit; now it will work. */
  | { readonly type: "streams-available"; readonly direction: StreamDirection }
  /** The connection is over; nothing follows. */
  | { readonly type: "closed"; readonly reason: CloseReason };

/** Why a connection ended. */
export type CloseReason =
  | { readonly type: "idle-timeout" }
  | { readonly type: "stateless-reset" }
  | { readonly type: "handshake-timeout" }
  | { readonly type: "version-negotiation"; readonly versions: readonly number[] }
  /** CONNECTION_CLOSE: "transport" codes are RFC 9000 §20.1's, "application" codes the protocol's above. */
  | {
      readonly type: "local" | "peer";
      readonly layer: "transport" | "application";
      readonly code: VarInt;
      readonly phrase: string;
      /** What went wrong on our side, when that was more than a rule broken by the peer. */
      readonly cause?: unknown;
    };

/** What `read` gave: a run of bytes that the caller may keep, and whether it was the last. */
export interface StreamChunk {
  readonly bytes: Uint8Array;
  readonly fin: boolean;
}

export interface StreamTransport {
  readonly role: "client" | "server";

  /**
   * A new stream, or undefined when the peer's limit is reached ("streams-available" will follow). Its id is the next
   * one, or `id`, with which all lower ones of its type are opened (RFC 9000 §2.1).
   */
  openStream(direction: StreamDirection, id?: StreamId): StreamId | undefined;

  /**
   * Appends all of `data` to a stream's sending part. Bytes are kept by reference until acknowledged: the caller must not
   * change them afterwards. A source is retained as long, and may be written to several streams and connections.
   * Returns false when that is enough for now: go on after "stream-writable". Nothing is lost by not obeying but memory.
   * Writing to a stream that was reset, stopped or ended drops the data and gives true.
   */
  write(id: StreamId, data: Uint8Array | SendSource, fin: boolean): boolean;

  /** How many bytes there is room for now. After 0, "stream-writable" follows. */
  writableBytes(id: StreamId): number;

  /** Where a stream stands among all that have something to send; without it, all take turns. */
  setPriority(id: StreamId, priority: SendPriority): void;

  /** A place for a session's streams among the requests of an urgency, 3 by default. */
  openSession(urgency?: number): SendSession;

  /** The next run of in-order bytes, at most `max`; undefined when there is none now. Reading gives credit to the peer. */
  read(id: StreamId, max?: number): StreamChunk | undefined;

  /** Abandons the sending part (RESET_STREAM). Nothing happens where it has ended already. */
  reset(id: StreamId, code: VarInt): void;

  /** Asks the peer to stop (STOP_SENDING) and drops what arrives. Nothing happens where it has ended already. */
  stopSending(id: StreamId, code: VarInt): void;

  /** Closes the connection with an application error code (CONNECTION_CLOSE 0x1d). */
  close(code: VarInt, phrase: string): void;
}
