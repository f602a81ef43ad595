/**
 * A WebTransport session over a WebSocket, as QMux (draft-ietf-quic-qmux): the streams and datagrams of QUIC in its own frames, on
 * a carrier that keeps their order and loses nothing. Either role.
 *
 * The driver passes each message to `handleMessage`, polls messages to send while the carrier has room, and calls
 * `handleTimeout` at `nextTimeout()`. When `isOver`, it sends what is left and closes the carrier with `closeStatus`.
 */

import { ProtocolError } from "../../base/errors.ts";
import type { Instant } from "../../base/time.ts";
import { transportError } from "../../quic/errors.ts";
import { emitConnectionClose, type Frame } from "../../quic/frame/index.ts";
import { Reader } from "../../wire/reader.ts";
import { fromUtf8 } from "../../wire/text.ts";
import { varintLength } from "../../wire/varint.ts";
import { Writer } from "../../wire/writer.ts";
import { type CloseInfo, PLAIN_CLOSE, sendableInfo } from "../close-info.ts";
import { MAX_APPLICATION_CODE } from "../error-codes.ts";
import {
  applicationCode,
  MAX_WAITING_CONTROL,
  MessageWriter,
  MuxCarrier,
  OWN_LIMITS,
  type Role,
} from "../mux/index.ts";
import { QMUX_DIALECT } from "./dialect.ts";
import { drainFrame, parametersFrame, parseQmuxFrame, pingFrame, type QmuxFrame } from "./frames.ts";
import { Idle } from "./idle.ts";
import { DEFAULT_RECORD_SIZE, emitParameters, type QmuxParameters, transportErrorName } from "./parameters.ts";
import type { QmuxVersion } from "./subprotocols.ts";

/** Our limits. */
export const OWN_PARAMETERS: QmuxParameters = {
  ...OWN_LIMITS,
  maxIdleTimeout: 30_000,
  maxDatagramFrameSize: DEFAULT_RECORD_SIZE,
  maxRecordSize: DEFAULT_RECORD_SIZE,
  takesDrain: 1,
};

/** The largest message of any draft. */
export const MAX_MESSAGE = 16_384;
/** Answers to pings that may wait for a peer that does not read. */
const MAX_PONGS = 16;
/** CONNECTION_CLOSE with the longest reason of a session. */
const MAX_FAREWELL = 1100;

/** Status codes of a WebSocket (RFC 6455 §7.4.1). */
const CloseStatus = { normal: 1000, protocolError: 1002 } as const;

export interface QmuxOptions {
  readonly role: Role;
  readonly version: QmuxVersion;
  readonly now: Instant;
  /** The peer has announced its limits: the session can be used. */
  readonly onReady: () => void;
  /** There may be something to send, or a new deadline. */
  readonly onPending: () => void;
}

export class QmuxConnection extends MuxCarrier {
  readonly #options: QmuxOptions;
  readonly #idle: Idle;
  /** True if a message has several frames; datagrams and pings came with that. */
  readonly #hasRecords: boolean;
  #isReady = false;
  /** "wanted" until the peer has said whether it takes the frame. */
  #drain: "none" | "wanted" | "said" = "none";
  #peerTakesDrain = false;
  #pings = 0;
  #lastPing = -1;
  #pongs = 0;
  #farewell: Uint8Array | undefined;
  /** The status for the WebSocket; set when the session is over. */
  closeStatus: number | undefined;

  constructor(options: QmuxOptions) {
    const { role, version, now, onPending } = options;
    const hasRecords = version !== "qmux-00";
    const own = hasRecords ? OWN_PARAMETERS : { ...OWN_PARAMETERS, maxDatagramFrameSize: 0, maxIdleTimeout: 0 };
    const size = DEFAULT_RECORD_SIZE;
    const writer = new MessageWriter({ dialect: QMUX_DIALECT, size, ...(hasRecords ? {} : { maxFrames: 1 }) });
    super({ role, own, writer, onPending });
    this.#options = options;
    this.#hasRecords = hasRecords;
    this.#idle = new Idle(now);
    writer.addControl(parametersFrame(emitParameters(own)));
  }

  /** True if nothing more is received, and only `pollMessage` may have something left. */
  get isOver(): boolean {
    return this.closeStatus !== undefined;
  }

  // ── For the driver ────────────────────────────────────────────────────────────────────────────────────────────────

  /** Takes a message of the peer. Its violations close the session, and never throw. */
  handleMessage(message: Uint8Array, now: Instant): void {
    if (this.isOver) return;
    this.#idle.handleReceived(now);
    try {
      if (message.length > (this.#hasRecords ? DEFAULT_RECORD_SIZE : MAX_MESSAGE) || message.length === 0) {
        throw transportError("FRAME_ENCODING_ERROR", "message", `has ${message.length} bytes`);
      }
      const reader = new Reader(message);
      while (!reader.isAtEnd && !this.isOver) this.#handleFrame(parseQmuxFrame(reader));
      if (this.writer.waitingControl > MAX_WAITING_CONTROL) {
        throw transportError("PROTOCOL_VIOLATION", "message", "more frames to answer than the peer reads answers");
      }
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      this.#refuse(error);
    }
    this.onPending();
  }

  /** The peer sent what is no message of QMux. */
  handleViolation(what: string): void {
    if (!this.isOver) this.#refuse(transportError("PROTOCOL_VIOLATION", "message", what));
  }

  /** The carrier has ended. */
  handleEnd(reason: Error): void {
    if (!this.isOver) this.#finish(CloseStatus.normal, PLAIN_CLOSE, reason);
  }

  nextTimeout(): Instant | undefined {
    return this.isOver ? undefined : this.#idle.nextTimeout();
  }

  handleTimeout(now: Instant): void {
    if (this.isOver) return;
    const due = this.#idle.check(now);
    if (due === "ping") {
      this.writer.addControl(pingFrame(this.#pings, false));
      this.#pings += 1;
    } else if (due !== undefined) {
      this.handleEnd(new Error(due === "idle" ? "the peer was silent for too long" : "the peer did not begin QMux"));
    }
    this.onPending();
  }

  /** The next message to send; undefined if there is none now. */
  pollMessage(now: Instant): Uint8Array | undefined {
    if (this.isOver) {
      const last = this.#farewell;
      this.#farewell = undefined;
      return last;
    }
    const message = this.writer.next(now, (part, isEnd) => this.streams.handleSent(part, isEnd));
    if (message !== undefined) this.#idle.handleSent(now);
    return message;
  }

  // ── Commands of the session ───────────────────────────────────────────────────────────────────────────────────────

  /** The draft has no such frame: peers that do not announce that they take ours learn nothing. */
  drain(): void {
    if (this.#drain === "none") this.#drain = "wanted";
    this.#sayDrain();
  }

  close({ closeCode, reason }: CloseInfo): void {
    this.#sayFarewell("application", closeCode, reason);
    this.closeStatus = CloseStatus.normal;
    this.onPending();
  }

  // ── Frames of the peer ────────────────────────────────────────────────────────────────────────────────────────────

  #handleFrame(frame: QmuxFrame): void {
    // The draft: parameters are the first frame.
    if (!this.#isReady && !["parameters", "padding", "connection-close"].includes(frame.type)) {
      throw transportError("PROTOCOL_VIOLATION", frame.type, "came before QX_TRANSPORT_PARAMETERS");
    }
    const { streams } = this;
    switch (frame.type) {
      case "parameters":
        this.#handleParameters(frame.parameters);
        break;
      case "stream":
        streams.handleStream(frame.id, frame.offset, frame.data, frame.fin);
        break;
      case "reset-stream":
        streams.handleReset(frame.id, frame.code, frame.finalSize);
        break;
      case "stop-sending":
        streams.handleStop(frame.id, frame.code);
        break;
      case "max-data":
        streams.handleMaxData(frame.maximum);
        break;
      case "max-stream-data":
        streams.handleMaxStreamData(frame.id, frame.maximum);
        break;
      case "max-streams":
        streams.handleMaxStreams(frame.direction, frame.maximum);
        break;
      case "datagram":
        this.#handleDatagram(frame.data, frame.hasLength);
        break;
      case "qmux-drain":
        this.session.handleDraining();
        break;
      case "qmux-ping":
        this.#handlePing(frame.sequence);
        break;
      case "qmux-pong":
        if (frame.sequence >= this.#pings) throw transportError("PROTOCOL_VIOLATION", "QX_PING", "answers no ping");
        break;
      case "connection-close":
        this.#handleClose(frame);
        break;
    }
  }

  #handleParameters(peer: QmuxParameters): void {
    if (this.#isReady) throw transportError("PROTOCOL_VIOLATION", "QX_TRANSPORT_PARAMETERS", "was sent twice");
    this.#isReady = true;
    this.streams.begin(peer);
    this.#peerTakesDrain = peer.takesDrain === 1;
    this.#sayDrain();
    if (this.#hasRecords) {
      this.#idle.begin(OWN_PARAMETERS.maxIdleTimeout, peer.maxIdleTimeout);
      // A datagram is never split over messages.
      const frame = Math.min(peer.maxDatagramFrameSize, DEFAULT_RECORD_SIZE);
      this.writer.datagrams.maxPayload = Math.max(0, frame - 1 - varintLength(frame));
    } else this.#idle.begin(0, 0);
    this.#options.onReady();
  }

  #sayDrain(): void {
    if (this.#drain !== "wanted" || !this.#peerTakesDrain) return;
    this.#drain = "said";
    this.writer.addControl(drainFrame());
    this.onPending();
  }

  #handleDatagram(data: Uint8Array, hasLength: boolean): void {
    const size = 1 + (hasLength ? varintLength(data.length) : 0) + data.length;
    // RFC 9221 §3.
    if (!this.#hasRecords || size > OWN_PARAMETERS.maxDatagramFrameSize) {
      throw transportError("PROTOCOL_VIOLATION", "DATAGRAM", `has ${size} bytes`);
    }
    this.session.handleDatagram(new Uint8Array(data));
  }

  #handlePing(sequence: number): void {
    if (this.#options.version === "qmux-02" && sequence <= this.#lastPing) {
      throw transportError("PROTOCOL_VIOLATION", "QX_PING", "its sequence number does not grow");
    }
    this.#lastPing = sequence;
    this.#pongs += 1;
    if (this.#pongs > MAX_PONGS) throw transportError("PROTOCOL_VIOLATION", "QX_PING", "more pings than are answered");
    const answer = pingFrame(sequence, true);
    this.writer.addControl((writer) => {
      this.#pongs -= 1;
      writer.write(answer);
    });
  }

  #handleClose({ layer, code, phrase }: Extract<Frame, { type: "connection-close" }>): void {
    const reason = fromUtf8(phrase);
    if (layer === "application") {
      const closeCode = applicationCode(code) ?? MAX_APPLICATION_CODE;
      this.#finish(CloseStatus.normal, sendableInfo({ closeCode, reason }), undefined);
      return;
    }
    const detail = reason === "" ? "" : `: ${reason}`;
    this.#finish(CloseStatus.normal, PLAIN_CLOSE, new Error(`the peer reported ${transportErrorName(code)}${detail}`));
  }

  // ── The end ───────────────────────────────────────────────────────────────────────────────────────────────────────

  #refuse(error: ProtocolError): void {
    this.#sayFarewell("transport", error.code, error.message);
    this.#finish(CloseStatus.protocolError, PLAIN_CLOSE, error);
    this.onPending();
  }

  #finish(status: number, info: CloseInfo, error: Error | undefined): void {
    this.closeStatus = status;
    this.streams.close();
    this.session.handleClosed(info, error);
  }

  #sayFarewell(layer: "transport" | "application", code: number, reason: string): void {
    const writer = new Writer(new Uint8Array(MAX_FAREWELL));
    emitConnectionClose(writer, layer, code, 0, reason);
    this.#farewell = writer.written();
    this.streams.close();
  }
}
