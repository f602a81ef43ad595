/**
 * The interface between a QUIC connection and the protocol above (HTTP/3, hq-interop, later MoQ): ordered byte streams
 * with backpressure. The connection implements it; tests have an in-memory implementation.
 *
 * Everything is synchronous. The driver takes the connection's events and passes them to the protocol, which calls
 * these methods; then the driver lets the connection transmit.
 */

import type { Instant } from "../base/time.ts";
import type { VarInt } from "../wire/varint.ts";
import type { SendPriority, SendSession } from "./scheduler/index.ts";
import type { SendSource } from "./streams/send-source.ts";

/**
 * A stream id (RFC 9000 §2.1): bit 0 is the initiator (0 client, 1 server), bit 1 the direction (0 bidi, 1 uni). Ids
 * stay far below 2^53, because each side limits the number of streams.
 */
export type StreamId = number;
/** Bidirectional, or from its opener to the peer only. */
export type StreamDirection = "bidi" | "uni";

/** True if the server opened the stream (RFC 9000 §2.1). */
export const isServerInitiated = (id: StreamId): boolean => id % 2 === 1;
/** True if only the opener sends on the stream (RFC 9000 §2.1). */
export const isUnidirectional = (id: StreamId): boolean => id % 4 >= 2;

/** What a transport tells the protocol above it. */
export type TransportEvent =
  /**
   * Streams may be opened and written. The handshake is complete, unless it is early: then what is sent and received until
   * "handshake-complete" is 0-RTT data, which an attacker may have replayed (RFC 9001 §9.2).
   */
  | { readonly type: "connected"; readonly alpn: string; readonly isEarly?: true }
  /** Follows an early "connected". If a client's early data was rejected, it is sent again now. */
  | { readonly type: "handshake-complete"; readonly acceptedEarlyData: boolean }
  /** The peer opened a stream. Precedes all other events of that stream. */
  | { readonly type: "stream-opened"; readonly id: StreamId }
  /** There is something new to read: bytes, the end, or both. Emitted once until `read` has drained the stream. */
  | { readonly type: "stream-readable"; readonly id: StreamId }
  /** There is room again, after `write` returned false or `writableBytes` 0. */
  | { readonly type: "stream-writable"; readonly id: StreamId }
  /** The peer reset its sending part (RESET_STREAM), and what it sent reliably has been read. Other bytes are dropped. */
  | { readonly type: "stream-reset"; readonly id: StreamId; readonly code: VarInt }
  /**
   * The peer will not read any more (STOP_SENDING); our sending part has been reset. Respond with `reset` or a last
   * `write` when the work for the stream has ended: only then does a stream opened by the peer make room for another.
   */
  | { readonly type: "stream-stopped"; readonly id: StreamId; readonly code: VarInt }
  /** Everything written, including the end, has been acknowledged. */
  | { readonly type: "stream-finished"; readonly id: StreamId }
  /** `openStream` failed at the peer's limit before; now it will succeed. */
  | { readonly type: "streams-available"; readonly direction: StreamDirection }
  /** There is a datagram to read. Emitted once until `readDatagram` has returned undefined. */
  | { readonly type: "datagram-readable" }
  /** The connection is closed; no more events follow. Streams that have arrived completely can still be read. */
  | { readonly type: "closed"; readonly reason: CloseReason };

/** Why a connection ended. */
export type CloseReason =
  | { readonly type: "idle-timeout" }
  | { readonly type: "stateless-reset" }
  /** The peer was silent and did not answer a last probe (`expectAnswer`). */
  | { readonly type: "unanswered" }
  | { readonly type: "handshake-timeout" }
  /** `next` is the version of ours to try next; undefined if the server supports none. */
  | { readonly type: "version-negotiation"; readonly versions: readonly number[]; readonly next: number | undefined }
  /**
   * CONNECTION_CLOSE: "transport" codes are those of RFC 9000 §20.1, "application" codes those of the protocol above.
   */
  | {
      readonly type: "local" | "peer";
      readonly layer: "transport" | "application";
      readonly code: VarInt;
      readonly phrase: string;
      /** The error on our side, if the close was not just due to a protocol violation by the peer. */
      readonly cause?: unknown;
    };

/** The result of `read`: bytes that the caller may keep, and whether they are the last. */
export interface StreamChunk {
  readonly bytes: Uint8Array;
  readonly fin: boolean;
}

/** Streams of one connection, as the protocol above sees them. */
export interface StreamTransport {
  readonly role: "client" | "server";

  /**
   * Opens a stream; undefined if the peer's limit is reached ("streams-available" will follow). Its id is the next one,
   * or `id`, which also opens all lower ones of its type (RFC 9000 §2.1).
   */
  openStream(direction: StreamDirection, id?: StreamId): StreamId | undefined;

  /**
   * Appends all of `data` to a stream's sending part. Bytes are kept by reference until acknowledged, so the caller
   * must not change them afterwards. A source is retained that long, and may be written to several streams and
   * connections. Returns false if there is no room for more now: continue after "stream-writable". Writing anyway only
   * costs memory. Writing to a stream that was reset, stopped or ended drops the data and returns true.
   */
  write(id: StreamId, data: Uint8Array | SendSource, fin: boolean): boolean;

  /** The number of bytes that there is room for now. After 0, "stream-writable" follows. */
  writableBytes(id: StreamId): number;

  /** Sets a stream's place among all streams with something to send. By default all take turns. */
  setPriority(id: StreamId, priority: SendPriority): void;

  /** The number of streams that the peer may open in total, those that it has opened included (RFC 9000 §4.6). */
  peerStreamLimit(direction: StreamDirection): number;

  /** Opens a session, whose streams have a place among the requests of an urgency, 3 by default. */
  openSession(urgency?: number): SendSession;

  /**
   * Reads the next run of in-order bytes, at most `max`; undefined if there is none now. Reading grants credit to the
   * peer.
   */
  read(id: StreamId, max?: number): StreamChunk | undefined;

  /**
   * Abandons the sending part (RESET_STREAM). Does nothing if it has ended already. The first `reliableSize` bytes, which
   * must have been written, are delivered nevertheless if the peer supports RESET_STREAM_AT
   * (draft-ietf-quic-reliable-stream-reset); by default none.
   */
  reset(id: StreamId, code: VarInt, reliableSize?: number): void;

  /**
   * Asks the peer to stop (STOP_SENDING) and drops what arrives. Does nothing if the receiving part has ended already.
   */
  stopSending(id: StreamId, code: VarInt): void;

  /**
   * Calls back once the peer's part of the stream has ended without having been read to its end, because it was reset or
   * stopped: with the number of bytes that the peer sent and `read` did not return. The callback must not throw.
   */
  watchDropped(id: StreamId, onDropped: (bytes: number) => void): void;

  /** Sets the application error code for closing on work without progress (RFC 9000 §21.9). */
  setExcessiveLoadCode(code: VarInt): void;

  /** Counts work that the protocol did for the peer, apart from reading bytes. A small packet is 32. */
  countWork(work: number): void;

  /** Keying material that both sides can derive, once the handshake is complete (RFC 8446 §7.5). Absent without TLS. */
  exportKeyingMaterial?(label: string, context: Uint8Array, length: number): Uint8Array;

  /** Closes the connection with an application error code (CONNECTION_CLOSE 0x1d). */
  close(code: VarInt, phrase: string): void;
}

/**
 * Queued: it will be sent, unless it expires or becomes too large. Full: too much waits already. Too large: it does not
 * fit into a packet, or the peer does not take as much. Unsupported: the peer takes no datagrams, or has not said yet.
 */
export type SendDatagramResult = "queued" | "full" | "too-large" | "unsupported" | "closed";

/** The place of a flow of datagrams among the others, and its limit. */
export interface DatagramFlowOptions {
  /** All flows and streams take turns by default. */
  readonly priority?: SendPriority;
  /** Bytes that may wait in this flow, besides the limit for the connection. */
  readonly maxBytes?: number;
}

/** Datagrams that are sent in order, as far as they are sent. */
export interface DatagramFlow {
  /** Datagrams that wait to be sent. */
  readonly length: number;
  /**
   * Queues a datagram, whose bytes the caller must not change afterwards. It is dropped if it has not been sent by
   * `expires`.
   */
  send(data: Uint8Array, expires?: Instant): SendDatagramResult;
  /** Sets the flow's place among all flows and streams. */
  setPriority(priority: SendPriority): void;
  /** Drops what waits. */
  close(): void;
}

/** Datagrams (RFC 9221): they may be lost, and are never sent again. */
export interface DatagramTransport {
  /** The largest datagram that can be sent now (RFC 9221); 0 if the peer takes none, or has not said yet. */
  readonly maxDatagramPayload: number;

  /** Opens a flow of datagrams, with its own queue and its own place among the streams. */
  openDatagramFlow(options?: DatagramFlowOptions): DatagramFlow;

  /** Reads the oldest datagram that arrived; undefined if there is none now. */
  readDatagram(): Uint8Array | undefined;
}
