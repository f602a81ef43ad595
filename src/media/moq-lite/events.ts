/** What a session of moq-lite tells its application. Requests are named by their stream. */

import type { VarInt } from "../../wire/varint.ts";
import type { StreamId } from "../moq/session/carrier.ts";
import type {
  LiteAnnouncement,
  LiteDatagram,
  LiteDelivery,
  LiteSetup,
  LiteSubscribe,
  LiteSubscribeAnswer,
  LiteTrackInfo,
} from "./messages.ts";

/** What a session tells. */
export type LiteEvent =
  | { readonly type: "setup"; readonly setup: LiteSetup }
  /** The peer wants to hear of broadcasts: `acceptAnnounce`, then `announce`. */
  | { readonly type: "announce-request"; readonly stream: StreamId; readonly prefix: string; readonly exclude: VarInt }
  /** The answer to ours: so many broadcasts are there now. */
  | { readonly type: "announce-ok"; readonly stream: StreamId; readonly origin: VarInt; readonly active: number }
  | { readonly type: "announcement"; readonly stream: StreamId; readonly announcement: LiteAnnouncement }
  /** The peer asks what a track is: `sendTrackInfo`, or `cancel`. */
  | { readonly type: "track"; readonly stream: StreamId; readonly broadcast: string; readonly track: string }
  | { readonly type: "track-info"; readonly stream: StreamId; readonly info: LiteTrackInfo }
  /** The peer subscribes: `answer`, or `cancel` with NOT_FOUND. */
  | { readonly type: "subscribe"; readonly stream: StreamId; readonly subscribe: LiteSubscribe }
  | { readonly type: "update"; readonly stream: StreamId; readonly delivery: LiteDelivery }
  | { readonly type: "answer"; readonly stream: StreamId; readonly answer: LiteSubscribeAnswer }
  /** The peer has nothing more to say on the stream of a request; with a code if it was refused or abandoned. */
  | { readonly type: "end"; readonly stream: StreamId; readonly code: number | undefined }
  /** A stream with a group of a subscription of ours. */
  | { readonly type: "group"; readonly stream: StreamId; readonly request: StreamId; readonly sequence: number }
  | { readonly type: "frame"; readonly stream: StreamId; readonly timestamp: number; readonly length: number }
  /** A copy. */
  | { readonly type: "payload"; readonly stream: StreamId; readonly bytes: Uint8Array; readonly isLast: boolean }
  | { readonly type: "group-end"; readonly stream: StreamId; readonly code: number | undefined }
  | { readonly type: "datagram"; readonly request: StreamId; readonly datagram: LiteDatagram }
  /** The peer does not want a group of ours: reset it. */
  | { readonly type: "stopped"; readonly stream: StreamId; readonly code: number }
  /** The peer ends the session soon: go to `uri`, or to the same place if it is empty. */
  | { readonly type: "goaway"; readonly uri: string }
  | { readonly type: "closed"; readonly code: number; readonly reason: string; readonly isOurs: boolean };
