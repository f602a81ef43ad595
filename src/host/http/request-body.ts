/** The content of a request, as a handler reads it. */
import type { FieldSection } from "../../http/index.ts";

export type BodyState =
  /** More may come. */
  | "open"
  /** Everything was read, and `trailers` is set. */
  | "ended"
  /** The peer reset it, or the response ended first. */
  | "aborted";

/**
 * The request's content, pulled by the reader. Unread bytes stay in the transport, whose flow control slows the peer
 * down.
 */
export interface RequestBody {
  readonly state: BodyState;
  /** Trailer fields; empty until `state` is "ended". */
  readonly trailers: FieldSection;
  /**
   * Returns received bytes, which the caller may keep. Undefined if there are none now: check `state`. HTTP/3 copies them `into`
   * memory that the caller has, as many as fit, and returns that part of it.
   */
  read(into?: Uint8Array): Uint8Array | undefined;
  /** Called after `read()` returned undefined, if it can return more or `state` changed. May be called too often. */
  onReadable: (() => void) | undefined;
}
