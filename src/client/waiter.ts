// What an origin gives a session to: a request, or the wish for a connection.
import type { Session } from "../host/client/session.ts";

/** A request waiting for a session. Exactly one of its two methods is called, unless it is withdrawn first. */
export interface Waiter {
  /** True if it wants a connection and sends nothing: the next request is the first. */
  readonly isPreconnect?: boolean;
  /** True if it can be sent to the https form of its http origin. */
  readonly isUpgradable?: boolean;
  start(session: Session, reused: boolean): void;
  fail(error: Error): void;
}
