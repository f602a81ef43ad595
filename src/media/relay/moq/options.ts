/** What an adapter for MoQ Transport is made with. */

import type { Instant } from "../../../base/time.ts";
import type { Draft } from "../../moq/draft.ts";
import type { SetupOptions } from "../../moq/model.ts";
import type { MoqCarrier, ResolvedToken, StreamId } from "../../moq/session/index.ts";
import type { Refusal } from "../model.ts";
import type { Grant } from "../peer.ts";
import type { Relay } from "../relay.ts";

/** A carrier that says when a stream has no room. */
export interface RoomyCarrier extends MoqCarrier {
  /** False while what was written to a stream waits: call `MoqPeer.handleWritable` when there is room. */
  hasRoom(stream: StreamId): boolean;
  /** A higher order leaves first. */
  setOrder?(stream: StreamId, order: { readonly sendOrder: number }): void;
}

/** Judges tokens of a peer, now or later: calls back once, with what they allow or why not. */
export type Authorize = (tokens: readonly ResolvedToken[], done: (answer: Grant | Refusal) => void) => void;

/** What a peer is made with. */
export interface MoqPeerOptions {
  readonly relay: Relay;
  readonly draft: Draft;
  readonly role: "client" | "server";
  readonly carrier: RoomyCarrier;
  /** For statistics. */
  readonly label: string;
  /** What the peer may do before it shows a token. */
  readonly grant: Grant;
  /** Judges tokens in SETUP and in requests; without it they are ignored. */
  readonly authorize?: Authorize | undefined;
  /** What our SETUP says. */
  readonly setup?: SetupOptions | undefined;
  /** Requests of the peer at a time; 1,000 by default. */
  readonly maxRequests?: number | undefined;
  /** The clock, for answers that come later. */
  readonly now: () => Instant;
  /** SETUP was sent: requests may follow. */
  readonly onStarted?: (() => void) | undefined;
  /** The peer asks us to leave: to `uri`, or to the same place if it is empty. */
  readonly onGoaway?: ((uri: string, timeout: number) => void) | undefined;
  /** The session ended. */
  readonly onClosed?: ((code: number, reason: string) => void) | undefined;
}
