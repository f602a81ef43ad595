/** What an adapter for Warp and the MoQ base draft is made with. */

import type { Instant } from "../../../base/time.ts";
import type { OrderedCarrier } from "../../carrier.ts";
import type { Namespace } from "../../moq/model.ts";
import type { Grant } from "../peer.ts";
import type { Relay } from "../relay.ts";

/** Warp (draft-lcurley-warp-00 and -01), or the MoQ base draft (draft-lcurley-warp-02). */
export type SegmentProtocol = "warp-01" | "warp-02";

/** Subprotocols of ours, since the drafts have none: a session without one is Warp. */
export const SEGMENT_PROTOCOLS: readonly SegmentProtocol[] = ["warp-01", "warp-02"];

/** What a peer is made with. */
export interface SegmentPeerOptions {
  readonly relay: Relay;
  readonly protocol: SegmentProtocol;
  readonly role: "client" | "server";
  readonly carrier: OrderedCarrier;
  /** For statistics. */
  readonly label: string;
  readonly grant: Grant;
  /** The broadcast of the session: the drafts leave it to the path. */
  readonly namespace: Namespace;
  /**
   * Which way media goes: "send" to the peer, "receive" from it. "either", the default, sends until the peer sends media itself:
   * then it is the publisher.
   */
  readonly direction?: "send" | "receive" | "either" | undefined;
  readonly now: () => Instant;
  /** Milliseconds since 1970. */
  readonly date: () => number;
  /** The session is there. */
  readonly onStarted?: (() => void) | undefined;
  /** The peer asks us to leave: to `uri`, or to the same place if it is empty. */
  readonly onGoaway?: ((uri: string, timeout: number) => void) | undefined;
  /** The session ended. */
  readonly onClosed?: ((code: number, reason: string) => void) | undefined;
}
