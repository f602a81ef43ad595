/** The options of a relay of live media: plain data, in milliseconds and bytes, so that a configuration file can pass them through. */

import { ServeError } from "../../host/listen/errors.ts";
import type { UpstreamEvent } from "../../host/live/kept-session.ts";
import type { WebTransportSession } from "../../host/webtransport/web-transport-session.ts";
import type { RelayOptions } from "../../media/relay/index.ts";
import type { LivePageOptions } from "./page.ts";

/** Who wants to use the relay. */
export interface LiveRequest {
  /** The path and query of the session. */
  readonly url: string;
  /** The request's fields, such as `authorization`. */
  readonly headers: Headers;
  readonly remoteAddress: string;
  /** From the query (`?jwt=`, `?token=`), a bearer of `authorization`, or a message of MoQ Transport. */
  readonly token: string | undefined;
}

/** What a peer may do. Names are paths such as "live/room": they stand for all that begins with the same parts. */
export interface LiveGrant {
  readonly publish?: readonly string[];
  readonly subscribe?: readonly string[];
  /** Milliseconds since 1970, after which the session ends. */
  readonly expires?: number | undefined;
}

/** True for everything, false for nothing. */
export type LiveAnswer = LiveGrant | boolean;

/** Decides what a peer may do. */
export type LiveAuthorize = (request: LiveRequest) => LiveAnswer | Promise<LiveAnswer>;

/** A relay of live media. */
export interface LiveOptions extends RelayOptions {
  /** Everyone may do everything by default; `liveTokens` makes one of JSON Web Tokens. */
  readonly authorize?: LiveAuthorize | undefined;
  /** Origins of pages that may connect: "https://example.com", or "*", which is the default. */
  readonly origins?: readonly string[] | undefined;
  /** A page for browsers, with a player, where sessions connect: true, or what it has to know. None by default. */
  readonly page?: boolean | LivePageOptions | undefined;
  /** Sessions at a time; 10,000 by default. */
  readonly maxSessions?: number | undefined;
  /** Called with a line for each internal fault. Default: writes it to standard error. */
  readonly log?: ((line: string) => void) | undefined;
}

/** Another relay. */
export interface LiveUpstream {
  /** For statistics. */
  readonly label: string;
  /** Opens a session with these subprotocols: `(protocols) => new WebTransport(url, { protocols })`. */
  readonly open: (protocols: readonly string[]) => WebTransportSession;
  /** Namespaces, as paths, that it is asked for: all by default. */
  readonly namespaces?: readonly string[] | undefined;
  /** Called when it is connected, or lost. */
  readonly onEvent?: ((event: UpstreamEvent) => void) | undefined;
}

export const liveError = (message: string): ServeError => new ServeError("OPTION_INVALID", message);
