/** Reads a stream of the base draft: HEADERS, and then messages, whose contents pass through in the pieces in which they come. */

import type { VarInt } from "../../wire/varint.ts";
import { VarintReader } from "../../wire/varint-reader.ts";
import {
  BASE_MESSAGES,
  MAX_GOAWAY_URL,
  MAX_HEADERS,
  parseGoawayUrl,
  parseStreamHeaders,
  type StreamHeaders,
} from "./codec.ts";
import { BaseDraftError } from "./errors.ts";

/** What a stream brings. */
export type BaseStreamEvent =
  | { readonly type: "headers"; readonly headers: StreamHeaders }
  /** A message begins; its contents follow. */
  | { readonly type: "segment" | "app" }
  /** Contents of the last message; a view of what was pushed. */
  | { readonly type: "content"; readonly bytes: Uint8Array }
  | { readonly type: "end-of-message" }
  /** Without a URL, to the same place. */
  | { readonly type: "goaway"; readonly url: string | undefined }
  /** A message of a type that is not known was skipped. */
  | { readonly type: "unknown"; readonly message: VarInt };

type State =
  | { readonly at: "type" | "length" }
  /** Kept until it is complete. */
  | { readonly at: "kept"; readonly message: number }
  | { readonly at: "content" }
  | { readonly at: "skipped" };

const OPEN = Number.POSITIVE_INFINITY;

/** Calls `onEvent` for each event. Keeps at most a HEADERS or GOAWAY that is not complete. */
export class BaseStreamReader {
  readonly #onEvent: (event: BaseStreamEvent) => void;
  readonly #integer = new VarintReader();
  #state: State = { at: "type" };
  #type: VarInt = 0;
  #left = 0;
  #kept = new Uint8Array(0);
  #filled = 0;
  #hasHeaders = false;

  constructor(onEvent: (event: BaseStreamEvent) => void) {
    this.#onEvent = onEvent;
  }

  /** Takes bytes, cut anywhere. Throws a `BaseDraftError`, with the code for STOP_SENDING. */
  push(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length; ) at = this.#take(bytes, at);
  }

  /** The stream ended. Throws if that was in the middle of a message. */
  end(): void {
    if (this.#left === OPEN && this.#state.at === "content") this.#onEvent({ type: "end-of-message" });
    else if (this.#left === OPEN && this.#state.at === "kept") this.#finishKept(this.#kept.subarray(0, this.#filled));
    else if (this.#left !== OPEN && (this.#state.at !== "type" || this.#integer.isPartial)) {
      throw new BaseDraftError("stream", "it ended in the middle of a message");
    } else if (!this.#hasHeaders) throw new BaseDraftError("stream", "it ended without HEADERS");
  }

  /** Returns the position after what was taken. */
  #take(bytes: Uint8Array, at: number): number {
    const { at: place } = this.#state;
    if (place === "type" || place === "length") {
      const next = this.#integer.read(bytes, at);
      if (this.#integer.done) this.#haveInteger(place);
      return next;
    }
    const count = Math.min(bytes.length - at, this.#left);
    const part = bytes.subarray(at, at + count);
    if (place === "content") this.#onEvent({ type: "content", bytes: part });
    if (this.#state.at === "kept") this.#keep(part, this.#state.message);
    this.#left -= count;
    if (this.#left === 0) this.#finish();
    return at + count;
  }

  #haveInteger(place: "type" | "length"): void {
    if (place === "type") {
      this.#type = this.#integer.exact;
      if (!this.#hasHeaders && this.#type !== BASE_MESSAGES.headers)
        throw new BaseDraftError("stream", "it does not begin with HEADERS");
      if (this.#hasHeaders && this.#type === BASE_MESSAGES.headers)
        throw new BaseDraftError("HEADERS", "a second time on a stream");
      this.#state = { at: "length" };
      return;
    }
    this.#left = this.#integer.value === 0 ? OPEN : this.#integer.value;
    this.#begin();
  }

  #begin(): void {
    switch (this.#type) {
      case BASE_MESSAGES.headers:
        if (this.#left === OPEN) throw new BaseDraftError("HEADERS", "without a length");
        if (this.#left > MAX_HEADERS)
          throw new BaseDraftError("HEADERS", `${this.#left} bytes, at most ${MAX_HEADERS}`);
        this.#state = { at: "kept", message: this.#type };
        break;
      case BASE_MESSAGES.goaway:
        if (this.#left !== OPEN && this.#left > MAX_GOAWAY_URL)
          throw new BaseDraftError("GOAWAY", `a URL of ${this.#left} bytes`);
        this.#state = { at: "kept", message: this.#type };
        break;
      case BASE_MESSAGES.segment:
      case BASE_MESSAGES.app:
        this.#state = { at: "content" };
        this.#onEvent({ type: this.#type === BASE_MESSAGES.segment ? "segment" : "app" });
        break;
      default:
        // Without a length, the rest of the stream cannot be read.
        if (this.#left === OPEN) throw new BaseDraftError("stream", "a message of an unknown type without a length");
        this.#state = { at: "skipped" };
        this.#onEvent({ type: "unknown", message: this.#type });
    }
  }

  #keep(part: Uint8Array, message: number): void {
    const limit = message === BASE_MESSAGES.headers ? MAX_HEADERS : MAX_GOAWAY_URL;
    const needed = this.#filled + part.length;
    if (needed > limit) throw new BaseDraftError("GOAWAY", `a URL of more than ${limit} bytes`);
    if (needed > this.#kept.length) {
      const grown = new Uint8Array(Math.min(limit, Math.max(needed, 2 * this.#kept.length)));
      grown.set(this.#kept.subarray(0, this.#filled));
      this.#kept = grown;
    }
    this.#kept.set(part, this.#filled);
    this.#filled = needed;
  }

  #finish(): void {
    const { at } = this.#state;
    if (at === "kept") this.#finishKept(this.#kept.subarray(0, this.#filled));
    if (at === "content") this.#onEvent({ type: "end-of-message" });
    this.#state = { at: "type" };
  }

  #finishKept(payload: Uint8Array): void {
    const isHeaders = this.#type === BASE_MESSAGES.headers;
    this.#kept = new Uint8Array(0);
    this.#filled = 0;
    if (isHeaders) this.#hasHeaders = true;
    this.#onEvent(
      isHeaders
        ? { type: "headers", headers: parseStreamHeaders(payload) }
        : { type: "goaway", url: parseGoawayUrl(payload) },
    );
  }
}
