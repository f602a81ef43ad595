/** The events of an HTTP/3 connection. */

import type { FieldSection } from "../http/index.ts";
import type { Priority } from "../http/priority/index.ts";
import type { CloseReason, StreamId } from "../quic/transport.ts";
import type { VarInt } from "../wire/varint.ts";
import type { RequestHead, ResponseHead } from "./message.ts";
import type { Settings } from "./settings.ts";

/** What an HTTP/3 connection tells its user. */
export type H3Event =
  /** The peer's SETTINGS have arrived. */
  | { readonly type: "settings"; readonly settings: Settings }
  /** Server: a request. If `fin` is set, it has neither content nor trailers. */
  | { readonly type: "request"; readonly id: StreamId; readonly head: RequestHead; readonly fin: boolean }
  /** Client: an interim response (1xx). */
  | { readonly type: "informational"; readonly id: StreamId; readonly status: number; readonly fields: FieldSection }
  /** Client: the final response. If `fin` is set, it has neither content nor trailers. */
  | { readonly type: "response"; readonly id: StreamId; readonly head: ResponseHead; readonly fin: boolean }
  /** `readData` has content to return. Not repeated until `readData` has returned undefined. */
  | { readonly type: "data"; readonly id: StreamId }
  /** All content has been read, and trailers followed. */
  | { readonly type: "trailers"; readonly id: StreamId; readonly fields: FieldSection }
  /** The complete message has been received and read. */
  | { readonly type: "finished"; readonly id: StreamId }
  /**
   * The incoming message was aborted. If `by` is "peer", the peer reset it; a server may still respond, and must call
   * `cancel` if it does not. If `by` is "local", we reset both halves, because the message was malformed or ours was
   * too large for the peer. If `retryable`, the server has not processed the request.
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
   * The peer does not want the rest of our message; further writes are dropped. A server must call `cancel` when its
   * work has ended, or complete its message: only then may the client make another request in place of this one.
   */
  | { readonly type: "stopped"; readonly id: StreamId; readonly code: VarInt }
  /** There is room again after `writeData` returned false. */
  | { readonly type: "writable"; readonly id: StreamId }
  /** An HTTP Datagram (RFC 9297) of a request with `:protocol`. */
  | { readonly type: "datagram"; readonly id: StreamId; readonly payload: Uint8Array }
  /** Server: the client has changed the priority of a request whose head has arrived (RFC 9218 §7.2). */
  | { readonly type: "priority"; readonly id: StreamId; readonly priority: Priority }
  /** Client: the server is authoritative for these origins (RFC 9412). */
  | { readonly type: "origins"; readonly origins: readonly string[] }
  /** A frame of the control stream, of `H3Options.extensionFrames`. If its content is wrong, close the connection. */
  | { readonly type: "extension-frame"; readonly number: number; readonly payload: Uint8Array }
  /** Client: `request`, which failed for lack of streams, will now succeed. */
  | { readonly type: "requests-available" }
  /** The peer sent GOAWAY. Client: none of `unprocessed` was or will be processed. They have ended; retry elsewhere. */
  | { readonly type: "goaway"; readonly unprocessed: readonly StreamId[] }
  /** After either side's GOAWAY: no requests are left, and the peer has received all our data. Close at any time. */
  | { readonly type: "drained" }
  /** The connection has closed; no events follow. */
  | { readonly type: "closed"; readonly reason: CloseReason };
