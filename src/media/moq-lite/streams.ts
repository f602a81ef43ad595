/** Streams of a session: requests in both directions, and what comes in one. */

import { Pending } from "../moq/pending.ts";
import type { StreamId } from "../moq/session/carrier.ts";
import type { LiteGroupReader } from "./group.ts";
import type { LITE_STREAMS, LiteSubscribe } from "./messages.ts";

export type Kind = keyof typeof LITE_STREAMS;

/** A bidirectional stream. */
export interface Request {
  readonly stream: StreamId;
  readonly isOurs: boolean;
  /** Undefined until its first bytes came. */
  kind: Kind | undefined;
  /** True once its first message came, from the side that was asked or that asks. */
  hasFirst: boolean;
  readonly pending: Pending;
  subscribe: LiteSubscribe | undefined;
  /** The first group that was sent. */
  firstGroup: number | undefined;
  /** True once our side has been finished or reset, and the peer's. */
  isOurEndDone: boolean;
  isTheirEndDone: boolean;
}

/** A unidirectional stream of the peer. */
export interface Incoming {
  type: "unknown" | "group" | "setup";
  readonly pending: Pending;
  readonly reader: LiteGroupReader;
  request: StreamId | undefined;
}

export function newRequest(stream: StreamId, isOurs: boolean, kind: Kind | undefined): Request {
  const state = {
    hasFirst: false,
    subscribe: undefined,
    firstGroup: undefined,
    isOurEndDone: false,
    isTheirEndDone: false,
  };
  return { stream, isOurs, kind, pending: new Pending(), ...state };
}
