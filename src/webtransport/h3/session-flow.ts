/**
 * Flow control of one session over HTTP/3 (draft-ietf-webtrans-http3 §5): how many streams each side may open in it, and how many
 * bytes all of its streams may carry. QUIC limits each stream, and the connection.
 */

import type { StreamDirection } from "../../quic/index.ts";
import { WT_ERRORS } from "../error-codes.ts";

/** Capsules of §5.6. */
export const FlowCapsule = {
  MAX_DATA: 0x190b4d3d,
  MAX_STREAMS_BIDI: 0x190b4d3f,
  MAX_STREAMS_UNI: 0x190b4d40,
  DATA_BLOCKED: 0x190b4d41,
  STREAMS_BLOCKED_BIDI: 0x190b4d43,
  STREAMS_BLOCKED_UNI: 0x190b4d44,
  /** Of HTTP/2, and prohibited: QUIC limits streams. */
  MAX_STREAM_DATA: 0x190b4d3e,
  STREAM_DATA_BLOCKED: 0x190b4d42,
} as const;

/** What one side allows at the begin of each session. */
export interface FlowLimits {
  /** Bytes. */
  readonly maxData: number;
  readonly maxStreamsBidi: number;
  readonly maxStreamsUni: number;
}

/** Ours. */
export const OWN_FLOW: FlowLimits = { maxData: 8 << 20, maxStreamsBidi: 256, maxStreamsUni: 256 };

/** §5.6.2 */
const MAX_STREAMS = 2 ** 60;

/** The peer broke a rule of the session: its request is reset with this code. */
export class SessionError extends Error {
  override readonly name = "SessionError";
  readonly code: number;

  constructor(code: number, message: string) {
    super(message);
    this.code = code;
  }
}

const violation = (message: string): SessionError => new SessionError(WT_ERRORS.WT_FLOW_CONTROL_ERROR, message);

/** Streams of one direction. */
interface Streams {
  opened: number;
  allowed: number;
  /** The limit at which the peer was told that we are blocked. */
  blockedAt: number | undefined;
  arrived: number;
  ended: number;
  limit: number;
  readonly window: number;
}

const streamsOf = (window: number, allowed: number): Streams => ({
  opened: 0,
  allowed,
  blockedAt: undefined,
  arrived: 0,
  ended: 0,
  limit: window,
  window,
});

export interface FlowOptions {
  readonly own: FlowLimits;
  readonly peer: FlowLimits;
  /** From draft 16 on, a limit that does not grow is an error; before, one that shrinks. */
  readonly mustGrow: boolean;
}

export class SessionFlow {
  /** Sends a capsule of one integer. Set before anything else is called. */
  send: (type: number, value: number) => void = () => {};
  readonly #mustGrow: boolean;
  readonly #streams: Readonly<Record<StreamDirection, Streams>>;
  readonly #window: number;
  #sent = 0;
  #maxData: number;
  #blockedAt: number | undefined;
  #received = 0;
  #limit: number;

  constructor({ own, peer, mustGrow }: FlowOptions) {
    this.#mustGrow = mustGrow;
    this.#streams = {
      bidi: streamsOf(own.maxStreamsBidi, peer.maxStreamsBidi),
      uni: streamsOf(own.maxStreamsUni, peer.maxStreamsUni),
    };
    this.#window = own.maxData;
    this.#limit = own.maxData;
    this.#maxData = peer.maxData;
  }

  // ── Sending ───────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Returns false if the peer's limit is reached, which it is told once. */
  mayOpen(direction: StreamDirection): boolean {
    const streams = this.#streams[direction];
    if (streams.opened < streams.allowed) return true;
    if (streams.blockedAt === streams.allowed) return false;
    streams.blockedAt = streams.allowed;
    const isBidi = direction === "bidi";
    this.send(isBidi ? FlowCapsule.STREAMS_BLOCKED_BIDI : FlowCapsule.STREAMS_BLOCKED_UNI, streams.allowed);
    return false;
  }

  handleOpened(direction: StreamDirection): void {
    this.#streams[direction].opened += 1;
  }

  /** Takes credit for up to so many bytes, and returns for how many. */
  take(bytes: number): number {
    const taken = Math.min(bytes, this.#maxData - this.#sent);
    this.#sent += taken;
    if (taken < bytes && this.#blockedAt !== this.#maxData) {
      this.#blockedAt = this.#maxData;
      this.send(FlowCapsule.DATA_BLOCKED, this.#maxData);
    }
    return taken;
  }

  /** A larger limit for our bytes. Throws a `SessionError` if it is not larger. */
  handleMaxData(maximum: number): void {
    this.#maxData = this.#grown("WT_MAX_DATA", this.#maxData, maximum);
  }

  /** Returns true if a stream can be opened that could not be before. */
  handleMaxStreams(direction: StreamDirection, maximum: number): boolean {
    const streams = this.#streams[direction];
    if (maximum > MAX_STREAMS) throw violation("WT_MAX_STREAMS allows more streams than there are ids");
    streams.allowed = this.#grown("WT_MAX_STREAMS", streams.allowed, maximum);
    const { blockedAt } = streams;
    streams.blockedAt = undefined;
    return blockedAt !== undefined;
  }

  // ── Receiving ─────────────────────────────────────────────────────────────────────────────────────────────────────

  /** The peer has opened a stream. Throws a `SessionError` if it may not. */
  handleArrived(direction: StreamDirection): void {
    const streams = this.#streams[direction];
    streams.arrived += 1;
    if (streams.arrived > streams.limit) throw violation(`${streams.arrived} of ${streams.limit} ${direction} streams`);
  }

  /** A stream of the peer has ended in both directions. */
  handleEnded(direction: StreamDirection): void {
    const streams = this.#streams[direction];
    streams.ended += 1;
    const limit = streams.ended + streams.window;
    if (limit - streams.limit < streams.window / 2) return;
    streams.limit = limit;
    this.send(direction === "bidi" ? FlowCapsule.MAX_STREAMS_BIDI : FlowCapsule.MAX_STREAMS_UNI, limit);
  }

  /** Bytes were read. Throws a `SessionError` if there were too many. */
  handleRead(bytes: number): void {
    if (this.#received + bytes > this.#limit) throw violation(`${this.#received + bytes} bytes of ${this.#limit}`);
    this.handleDropped(bytes);
  }

  /** Bytes will not be read. */
  handleDropped(bytes: number): void {
    this.#received += bytes;
    if (this.#limit - this.#received > this.#window / 2) return;
    this.#limit = this.#received + this.#window;
    this.send(FlowCapsule.MAX_DATA, this.#limit);
  }

  #grown(name: string, before: number, now: number): number {
    if (now > before || (now === before && !this.#mustGrow)) return now;
    throw violation(`${name} of ${now} follows ${before}`);
  }
}
