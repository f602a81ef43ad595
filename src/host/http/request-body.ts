/** The content of a request, as its handler reads it. */
import type { FieldSection } from "../../http/index.ts";

export type BodyState =
  /** More may come. */
  | "open"
  /** Everything was read, and `trailers` holds what followed it. */
  | "ended"
  /** The peer gave up before its end, or the response ended before it. */
  | "aborted";

/**
 * The request's content, pulled. Bytes that are not read stay in the transport, whose flow control then holds the
 * peer back.
 */
export interface RequestBody {
  readonly state: BodyState;
  /** Trailer fields; empty until `state` is "ended". */
  readonly trailers: FieldSection;
  /** What arrived, which the caller may keep; undefined when there is nothing now: look at `state`. */
  read(): Uint8Array | undefined;
  /** Called when `read()` will give more, or `state` changed, after `read()` gave undefined. May be called too often. */
  onReadable: (() => void) | undefined;
}
