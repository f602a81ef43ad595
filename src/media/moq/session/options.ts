/** What a session is made with. */

import type { Draft } from "../draft.ts";
import type { SetupOptions } from "../model.ts";
import type { MoqCarrier } from "./carrier.ts";
import type { RequestMessage } from "./events.ts";

/** The draft comes from ALPN, or from the protocol of the WebTransport session: `draftOfAlpn`. */
export interface MoqSessionOptions {
  readonly draft: Draft;
  readonly role: "client" | "server";
  readonly carrier: MoqCarrier;
  /** What our SETUP says; a limit of requests is filled in. */
  readonly setup?: SetupOptions;
  /** Requests of the peer at a time; 1,000 by default, and more are refused. */
  readonly maxRequests?: number;
}

/** A request's message without its id, which the session gives it. */
export type NewRequest = RequestMessage extends infer M
  ? M extends RequestMessage
    ? Omit<M, "requestId">
    : never
  : never;
