/**
 * Node (20 to 26) does not clear the timer of `session.setTimeout` when a session ends, and `setTimeout(0)` has no effect
 * then. The timer would keep the session, with everything it refers to, for another minute.
 */
import type { Http2Session } from "node:http2";

/** Call when the session has closed. */
export function clearSessionTimer(session: Http2Session): void {
  const members = session as unknown as Record<symbol, NodeJS.Timeout | null>;
  const symbol = Object.getOwnPropertySymbols(session).find(({ description }) => description === "timeout");
  if (symbol !== undefined) clearTimeout(members[symbol] ?? undefined);
}
