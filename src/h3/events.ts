/** What an HTTP/3 connection tells whoever drives it. */

import type { FieldSection } from "../http/index.ts";
import type { CloseReason, StreamId } from "../quic/transport.ts";
import type { VarInt } from "../wire/varint.ts";
import type { RequestHead, ResponseHead } from "./message.ts";
import type { Settings } from "./settings.ts";

export type H3Event =
  /** The peer's SETTINGS have come. */
  | { readonly type: "settings"; readonly settings: Settings }
  /** Server: a request. With `fin`, it has neither content nor trailers. */
  | { readonly type: "request"; readonly id: StreamId; readonly head: RequestHead; readonly fin: boolean }
  /** Client: an interim response (1xx). */
  | { readonly type: "informational"; readonly id: StreamId; readonly status: number; readonly fields: FieldSection }
  /** Client: the final response. With `fin`, it has neither content nor trailers. */
  | { readonly type: "response"; readonly id: StreamId; readonly head: ResponseHead; readonly fin: boolean }
  /** `readData` has something to give. Given once until `readData` has returned undefined. */
  | { readonly type: "data"; readonly id: StreamId }
  /** All content was read, and trailers followed. */
  | { readonly type: "trailers"; readonly id: StreamId; readonly fields: FieldSection }
  /** The whole message was received and read. */
  | { readonly type: "finished"; readonly id: StreamId }
  /**
   * The message we were receiving ends here: the peer reset it (`by`), and a server may still answer, and has to
   * `cancel` if it does not; or we reset both halves, because it was malformed or ours was too large for the peer. With
   * `retryable`, the server has not processed the request.
   */
  | {
      readonly type: "reset";
      readonly id: StreamId;
      readonly code: VarInt;
      readonly by: "peer" | "local";
      readonly retryable: boolean;
      readonly detail: string;
    }
  /**
   * The peer does not want the rest of what we send; writing drops it. A server has to `cancel` when its work has ended,
   * or go on to the end of its message: only then may the client make another request for this one.
   */
  | { readonly type: "stopped"; readonly id: StreamId; readonly code: VarInt }
  /** There is room again, after `writeData` gave false. */
  | { readonly type: "writable"; readonly id: StreamId }
  /** Client: `request` was refused for want of streams before; now it will work. */
  | { readonly type: "requests-available" }
  /** The peer goes away. Client: none of `unprocessed` was or will be processed; they are over, send them elsewhere. */
  | { readonly type: "goaway"; readonly unprocessed: readonly StreamId[] }
  /** After `goaway`, or the peer's: no request is left, and the peer has all that we sent. Close when it suits you. */
  | { readonly type: "drained" }
  /** The connection is over; nothing follows. */
  | { readonly type: "closed"; readonly reason: CloseReason };
