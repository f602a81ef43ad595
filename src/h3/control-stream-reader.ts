/** Reads the peer's control stream (RFC 9114 §6.2.1): SETTINGS first, then other frames for the connection. */

import { WireError } from "../base/errors.ts";
import { MAX_CONNECTION_FRAME, parseOriginEntries } from "../http/index.ts";
import { ByteQueue } from "../qpack/index.ts";
import { Reader } from "../wire/reader.ts";
import { fromLatin1 } from "../wire/text.ts";
import { connectionError } from "./errors.ts";
import { FrameHeaderReader } from "./frame-header-reader.ts";
import { checkFrame, FRAMES, FrameType, isGreaseId, isKnownFrame, isPriorityUpdate, type Role } from "./frames.ts";
import type { IgnoredBudget } from "./limits.ts";
import { type ExtensionSetting, MAX_SETTINGS_LENGTH, parseSettings, type Settings } from "./settings.ts";
import { type TracedFrame, tracedSettings } from "./trace.ts";

/** Bytes of the longest PRIORITY_UPDATE frame. Browsers send 10. */
const MAX_PRIORITY_UPDATE = 1024;

/** Bytes of the longest ORIGIN frame. */
const MAX_ORIGIN_FRAME = 65_536;

export interface ControlStreamHandler {
  /** Registered settings of extensions. */
  readonly extensionSettings: readonly ExtensionSetting[];
  /** Returns true if an extension's bidirectional streams start with this type. */
  isStreamSignal(type: number): boolean;
  /** Returns true for frames to pass to `handleExtensionFrame`. */
  isExtensionFrame(type: number): boolean;
  handleExtensionFrame(type: number, payload: Uint8Array): void;
  handleSettings(settings: Settings): void;
  /** `id` is a stream id from a server, or a push id from a client (RFC 9114 §5.2). */
  handleGoaway(id: number): void;
  /** A PRIORITY_UPDATE frame (RFC 9218 §7.2) of a request or a push, and its field value. */
  handlePriorityUpdate(type: number, id: number, value: Uint8Array): void;
  /** An ORIGIN frame (RFC 9412). */
  handleOrigins(origins: readonly string[]): void;
  /** Counts the work of a frame (RFC 9114 §10.5). */
  countFrame(): void;
  /** Present if there is a trace. Called before a frame is handled. */
  readonly traceFrame?: ((frame: TracedFrame) => void) | undefined;
}

export class ControlStreamReader {
  readonly #peer: Role;
  readonly #handler: ControlStreamHandler;
  readonly #ignored: IgnoredBudget;
  readonly #header = new FrameHeaderReader();
  readonly #payload = new ByteQueue();
  #inFrame = false;
  #remaining = 0;
  #hasSettings = false;
  #lastGoaway = Number.POSITIVE_INFINITY;
  #maxPushId = -1;

  constructor(peer: Role, handler: ControlStreamHandler, ignored: IgnoredBudget) {
    this.#peer = peer;
    this.#handler = handler;
    this.#ignored = ignored;
  }

  /** Handles the stream's bytes after its type, in pieces of any size. */
  handle(bytes: Uint8Array): void {
    let at = 0;
    while (at < bytes.length) {
      if (!this.#inFrame) {
        at = this.#header.read(bytes, at);
        if (!this.#header.done) return;
        this.#begin();
      }
      const count = Math.min(this.#remaining, bytes.length - at);
      if (this.#isRead(this.#header.type)) this.#payload.append(bytes.subarray(at, at + count));
      else this.#ignored.count(count);
      at += count;
      this.#remaining -= count;
      if (this.#remaining === 0) this.#end();
    }
  }

  #begin(): void {
    const { type, length } = this.#header;
    // RFC 9114 §6.2.1
    if (!this.#hasSettings && type !== FrameType.SETTINGS)
      throw connectionError("H3_MISSING_SETTINGS", "control stream");
    checkFrame(type, "control", this.#peer);
    if (this.#handler.isStreamSignal(type))
      throw connectionError("H3_FRAME_ERROR", "control stream", "a stream signal");
    if (type === FrameType.SETTINGS && this.#hasSettings) {
      throw connectionError("H3_FRAME_UNEXPECTED", "control stream", "a second SETTINGS frame");
    }
    if (type === FrameType.SETTINGS && length > MAX_SETTINGS_LENGTH) {
      throw connectionError("H3_EXCESSIVE_LOAD", "SETTINGS", `${length} bytes long`);
    }
    if (isPriorityUpdate(type)) {
      if (length > MAX_PRIORITY_UPDATE) {
        throw connectionError("H3_EXCESSIVE_LOAD", "PRIORITY_UPDATE", `${length} bytes long`);
      }
    } else if (type === FrameType.ORIGIN) {
      if (length > MAX_ORIGIN_FRAME) throw connectionError("H3_EXCESSIVE_LOAD", "ORIGIN", `${length} bytes long`);
    } else if (this.#handler.isExtensionFrame(type)) {
      if (length > MAX_CONNECTION_FRAME)
        throw connectionError("H3_EXCESSIVE_LOAD", frameName(type), `${length} bytes long`);
    } else if (type !== FrameType.SETTINGS && isKnownFrame(type) && length > 8) {
      // All others carry one variable-length integer.
      throw connectionError("H3_FRAME_ERROR", frameName(type), `${length} bytes long`);
    }
    this.#inFrame = true;
    this.#remaining = length;
    this.#handler.countFrame();
    // Even an empty unknown frame costs something.
    if (this.#isRead(type)) return;
    this.#ignored.count(2);
    this.#handler.traceFrame?.({ type: isGreaseId(type) ? "reserved" : "unknown", number: type, length });
  }

  #end(): void {
    this.#inFrame = false;
    const { type } = this.#header;
    if (!this.#isRead(type)) return;
    const payload = this.#payload.bytes;
    if (type === FrameType.SETTINGS) {
      this.#hasSettings = true;
      const settings = parseSettings(payload, this.#handler.extensionSettings);
      const { length } = payload;
      this.#handler.traceFrame?.({ type: "settings", settings: tracedSettings(payload), length });
      this.#handler.handleSettings(settings);
    } else if (isPriorityUpdate(type)) {
      this.#handlePriorityUpdate(type, payload);
    } else if (type === FrameType.ORIGIN) {
      this.#handleOrigin(payload);
    } else if (this.#handler.isExtensionFrame(type)) {
      this.#handler.traceFrame?.({ type: "unknown", number: type, length: payload.length });
      this.#handler.handleExtensionFrame(type, new Uint8Array(payload));
    } else {
      const id = readSingleId(type, payload);
      if (type === FrameType.GOAWAY) this.#handleGoaway(id);
      else if (type === FrameType.MAX_PUSH_ID) this.#handleMaxPushId(id);
      // RFC 9114 §7.2.3: there are no pushes to cancel, because none were promised or allowed.
      else throw connectionError("H3_ID_ERROR", "CANCEL_PUSH", `push ${id} does not exist`);
    }
    this.#payload.consume(payload.length);
  }

  /** True for frames whose payload is kept. */
  #isRead(type: number): boolean {
    return isKnownFrame(type) || this.#handler.isExtensionFrame(type);
  }

  /** RFC 8336 §2.1: clients send none; a server ignores it. */
  #handleOrigin(payload: Uint8Array): void {
    const origins = parseOriginEntries(payload);
    if (origins === undefined) throw connectionError("H3_FRAME_ERROR", "ORIGIN", "an entry that is cut off");
    this.#handler.traceFrame?.({ type: "origin", origins });
    if (this.#peer === "server") this.#handler.handleOrigins(origins);
  }

  #handleGoaway(id: number): void {
    // RFC 9114 §7.2.6: a server's id is that of a request. §5.2: the id must not increase.
    if (this.#peer === "server" && id % 4 !== 0)
      throw connectionError("H3_ID_ERROR", "GOAWAY", `${id} is not a request`);
    if (id > this.#lastGoaway) throw connectionError("H3_ID_ERROR", "GOAWAY", `from ${this.#lastGoaway} up to ${id}`);
    this.#lastGoaway = id;
    this.#handler.traceFrame?.({ type: "goaway", id });
    this.#handler.handleGoaway(id);
  }

  #handlePriorityUpdate(type: number, payload: Uint8Array): void {
    const reader = new Reader(payload);
    let id: number;
    try {
      id = reader.varint();
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
      throw connectionError("H3_FRAME_ERROR", "PRIORITY_UPDATE", "no element id");
    }
    const value = reader.rest();
    const of = type === FrameType.PRIORITY_UPDATE ? "request" : "push";
    this.#handler.traceFrame?.({ type: "priority-update", of, id, value: fromLatin1(value) });
    this.#handler.handlePriorityUpdate(type, id, value);
  }

  #handleMaxPushId(id: number): void {
    // RFC 9114 §7.2.7. The value has no other use, because we never push.
    if (id < this.#maxPushId)
      throw connectionError("H3_ID_ERROR", "MAX_PUSH_ID", `from ${this.#maxPushId} down to ${id}`);
    this.#maxPushId = id;
    this.#handler.traceFrame?.({ type: "max-push-id", id });
  }
}

const frameName = (type: number): string => FRAMES.find((row) => row.type === type)?.name ?? `frame ${type}`;

/** RFC 9114 §7.1: the payload is exactly one integer. */
function readSingleId(type: number, payload: Uint8Array): number {
  try {
    const reader = new Reader(payload);
    const id = reader.varint();
    if (reader.isAtEnd) return id;
  } catch (error) {
    if (!(error instanceof WireError)) throw error;
  }
  throw connectionError("H3_FRAME_ERROR", frameName(type), "not exactly one integer");
}
