/** What a session tells its application. */

import type { ObjectDatagram } from "../data/datagram.ts";
import type { FetchGap, FetchObject } from "../data/fetch-objects.ts";
import type { SubgroupHeader } from "../data/subgroup-header.ts";
import type { SubgroupObject } from "../data/subgroup-objects.ts";
import type {
  ControlMessage,
  FetchMessage,
  PublishMessage,
  PublishNamespaceMessage,
  SubscribeMessage,
  SubscribeNamespaceMessage,
} from "../messages.ts";
import type { SetupOptions } from "../model.ts";
import type { StreamId } from "./carrier.ts";
import type { ResolvedToken } from "./token-cache.ts";

/** Messages that open a stream of their own. */
export type RequestMessage =
  | SubscribeMessage
  | PublishMessage
  | FetchMessage
  | PublishNamespaceMessage
  | SubscribeNamespaceMessage;

/** How a request ended, before or after it was accepted. */
export type EndReason =
  | { readonly type: "finished" }
  | { readonly type: "cancelled"; readonly code: number }
  | { readonly type: "closed" };

/** What a session tells. */
export type MoqEvent =
  | { readonly type: "setup"; readonly options: SetupOptions }
  /** A request of the peer: answer it, or refuse it. */
  | { readonly type: "request"; readonly message: RequestMessage; readonly tokens: readonly ResolvedToken[] }
  /** A message on the stream of a request, of either side, after the first. */
  | { readonly type: "message"; readonly requestId: number; readonly message: ControlMessage }
  /** Nothing more comes on a request's stream. */
  | { readonly type: "end"; readonly requestId: number; readonly reason: EndReason }
  | {
      readonly type: "subgroup";
      readonly stream: StreamId;
      readonly requestId: number;
      readonly header: SubgroupHeader;
    }
  | { readonly type: "fetch"; readonly stream: StreamId; readonly requestId: number }
  | { readonly type: "object"; readonly stream: StreamId; readonly object: SubgroupObject | FetchObject }
  | { readonly type: "gap"; readonly stream: StreamId; readonly gap: FetchGap }
  /** A copy. */
  | { readonly type: "payload"; readonly stream: StreamId; readonly bytes: Uint8Array; readonly isLast: boolean }
  /** A stream of objects ended; with a code if it was reset. */
  | { readonly type: "stream-end"; readonly stream: StreamId; readonly code: number | undefined }
  | { readonly type: "datagram"; readonly requestId: number; readonly datagram: ObjectDatagram }
  /** The peer does not want a stream of objects of ours: reset it. */
  | { readonly type: "stopped"; readonly stream: StreamId; readonly code: number }
  /** A stream of objects of ours was reset since its delivery timeout passed: open no other for its subgroup. */
  | { readonly type: "expired"; readonly stream: StreamId; readonly requestId: number }
  /** The peer will end the session: go to `uri`, or to the same place if it is empty. */
  | { readonly type: "goaway"; readonly uri: string; readonly timeout: number }
  | { readonly type: "closed"; readonly code: number; readonly reason: string; readonly isOurs: boolean };
