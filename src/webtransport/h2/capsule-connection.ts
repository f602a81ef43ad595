/**
 * A WebTransport session in the capsules of one HTTP/2 stream (draft-ietf-webtrans-http2), in either role: streams, datagrams,
 * flow control and the end.
 *
 * The driver passes what arrives to `handle`, and the stream's end to `handleEnd` or `handleAbort`; it polls bytes to send
 * while the stream has room. Once `hasEnded` and nothing is left to send, it ends its direction; if there is a `failure`, it
 * resets the stream.
 */

import { ProtocolError } from "../../base/errors.ts";
import type { Instant } from "../../base/time.ts";
import { CapsuleError, CapsuleReader, type CapsuleTreatment, CapsuleType, capsule } from "../../http/capsules/index.ts";
import { transportError } from "../../quic/errors.ts";
import type { StreamId } from "../../quic/transport.ts";
import type { VarInt } from "../../wire/varint.ts";
import { VarintReader } from "../../wire/varint-reader.ts";
import {
  type CloseInfo,
  closeValue,
  MAX_CLOSE_LENGTH,
  PLAIN_CLOSE,
  parseClose,
  WebTransportCapsule,
} from "../close-info.ts";
import { MAX_WAITING_CONTROL, MessageWriter, MuxCarrier, type MuxLimits, OWN_LIMITS, type Role } from "../mux/index.ts";
import { IMPLEMENTED_TYPES, type StreamTypes } from "./capsule-types.ts";
import { handleControl, maxControlLength } from "./control-capsules.ts";
import { capsuleDialect } from "./dialect.ts";

/** Bytes that are polled at once: those of a DATA frame. */
const CHUNK = 16_384;
/** The largest datagram to accept; larger ones are skipped (RFC 9297 §3.5). */
const MAX_DATAGRAM = 65_535;
/** The largest one to send, with the head of its capsule. */
const MAX_SENT_DATAGRAM = CHUNK - 4;

export interface CapsuleOptions {
  readonly role: Role;
  /** What the peer allows before it says more. */
  readonly peer: MuxLimits;
  readonly streamTypes?: StreamTypes;
  /** There may be something to send. */
  readonly onPending: () => void;
}

export class CapsuleConnection extends MuxCarrier {
  readonly #types: StreamTypes;
  readonly #reader: CapsuleReader;
  /** The integer at the begin of a WT_STREAM capsule, and the stream that it names. */
  #idReader = new VarintReader();
  #streamId: StreamId | undefined;
  #isDrainSaid = false;
  #farewell: Uint8Array | undefined;
  /** True if nothing follows what `poll` still returns. */
  hasEnded = false;
  /** Why the stream has to be reset. */
  failure: Error | undefined;

  constructor(options: CapsuleOptions) {
    const { role, peer, streamTypes = IMPLEMENTED_TYPES, onPending } = options;
    const writer = new MessageWriter({ dialect: capsuleDialect(streamTypes), size: CHUNK });
    writer.datagrams.maxPayload = MAX_SENT_DATAGRAM;
    super({ role, own: OWN_LIMITS, writer, onPending });
    this.#types = streamTypes;
    this.streams.begin(peer);
    this.#reader = new CapsuleReader({
      begin: (type, length) => this.#begin(type, length),
      collected: (type, value) => this.#collected(type as number, value),
      piece: (type, bytes, isLast) => this.#piece(type as number, bytes, isLast),
    });
  }

  // ── For the driver ────────────────────────────────────────────────────────────────────────────────────────────────

  /** Takes bytes, which must not change afterwards. Violations set `failure`, and never throw. */
  handle(bytes: Uint8Array): void {
    this.#read(() => {
      this.#reader.handle(bytes);
      if (this.writer.waitingControl <= MAX_WAITING_CONTROL) return;
      throw transportError("PROTOCOL_VIOLATION", "capsules", "more to answer than the peer reads answers");
    });
    this.onPending();
  }

  /** The peer has ended its direction. */
  handleEnd(): void {
    this.#read(() => this.#reader.handleEnd());
    // draft-ietf-webtrans-http3 §6: without a capsule, it is code 0 without a reason.
    if (this.failure === undefined) this.#finish(PLAIN_CLOSE, undefined);
    this.onPending();
  }

  /** The stream was reset, or its connection has ended. */
  handleAbort(reason: Error): void {
    this.#finish(PLAIN_CLOSE, reason);
  }

  /** The next bytes to send; undefined if there are none now. */
  poll(now: Instant): Uint8Array | undefined {
    if (this.failure !== undefined) return undefined;
    if (this.hasEnded) {
      const last = this.#farewell;
      this.#farewell = undefined;
      return last;
    }
    return this.writer.next(now, (part, isEnd) => this.streams.handleSent(part, isEnd));
  }

  // ── Commands of the session ───────────────────────────────────────────────────────────────────────────────────────

  drain(): void {
    if (this.#isDrainSaid) return;
    this.#isDrainSaid = true;
    this.writer.addControl(capsule(WebTransportCapsule.DRAIN));
    this.onPending();
  }

  close(info: CloseInfo): void {
    this.#farewell = capsule(WebTransportCapsule.CLOSE, closeValue(info));
    this.hasEnded = true;
    this.streams.close();
    this.onPending();
  }

  // ── Capsules of the peer ──────────────────────────────────────────────────────────────────────────────────────────

  #read(handle: () => void): void {
    if (this.failure !== undefined) return;
    try {
      handle();
    } catch (error) {
      if (!(error instanceof CapsuleError || error instanceof ProtocolError)) throw error;
      this.failure = error;
      this.#reader.stop();
      this.#finish(PLAIN_CLOSE, error);
    }
  }

  #begin(type: VarInt, length: number): CapsuleTreatment {
    // §5 of the draft: what follows the end of the session has no meaning.
    if (this.session.isClosed || typeof type !== "number") return "skip";
    if (type === this.#types.more || type === this.#types.last) {
      this.#idReader = new VarintReader();
      this.#streamId = undefined;
      if (length === 0) throw new CapsuleError("WT_STREAM without a stream");
      return "stream";
    }
    if (type === CapsuleType.DATAGRAM) return length <= MAX_DATAGRAM ? "collect" : "skip";
    const max = type === WebTransportCapsule.CLOSE ? MAX_CLOSE_LENGTH : maxControlLength(type);
    const limit = type === WebTransportCapsule.DRAIN ? 0 : max;
    // RFC 9297 §3.3; PADDING too, and *_BLOCKED, which are hints whose numbers implementations have mixed up.
    if (limit === undefined) return "skip";
    if (length > limit) throw new CapsuleError(`capsule ${type} has ${length} bytes`);
    return "collect";
  }

  #collected(type: number, value: Uint8Array): void {
    if (type === CapsuleType.DATAGRAM) this.session.handleDatagram(value);
    else if (type === WebTransportCapsule.DRAIN) this.session.handleDraining();
    else if (type === WebTransportCapsule.CLOSE) this.#handleClose(value);
    else handleControl(this.streams, type, value);
  }

  #handleClose(value: Uint8Array): void {
    const info = parseClose(value);
    if (typeof info === "string") throw new CapsuleError(info);
    this.#reader.expectEnd();
    this.#finish(info, undefined);
  }

  /** A capsule of any size is read as it arrives: its data is limited by flow control. */
  #piece(type: number, bytes: Uint8Array, isLast: boolean): void {
    if (this.session.isClosed) return;
    let at = 0;
    if (this.#streamId === undefined) {
      if (bytes.length > 0) at = this.#idReader.read(bytes, 0);
      if (!this.#idReader.done) {
        if (isLast) throw new CapsuleError("WT_STREAM ends inside its stream id");
        return;
      }
      const id = this.#idReader.exact;
      if (typeof id !== "number") throw transportError("STREAM_LIMIT_ERROR", "WT_STREAM", "its id is above 2^53");
      this.#streamId = id;
    }
    const data = bytes.subarray(at);
    if (data.length === 0 && !isLast) return;
    const received = this.streams.received(this.#streamId);
    // §6.4 of the draft.
    if (received === undefined) {
      throw transportError("STREAM_STATE_ERROR", "WT_STREAM", `on stream ${this.#streamId}, which has ended`);
    }
    this.streams.handleStream(this.#streamId, received, data, isLast && type === this.#types.last);
  }

  #finish(info: CloseInfo, error: Error | undefined): void {
    this.hasEnded = true;
    this.streams.close();
    this.session.handleClosed(info, error);
  }
}
