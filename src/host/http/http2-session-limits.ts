/** The time limits of an HTTP/2 session: until its first request, and without any. */
import type { ServerHttp2Session } from "node:http2";
import { type Fault, guard } from "../guard.ts";
import { noLimit, Timer } from "../timer.ts";
import { clearSessionTimer } from "./http2-session-timer.ts";
import type { TcpConnection } from "./tcp-connection.ts";

export interface SessionLimits {
  /** Milliseconds until the head of the first request must have arrived; 0 for no limit. */
  readonly headTimeout: number;
  /** Milliseconds without any frame after which a session without requests is closed. */
  readonly idleTimeout: number;
  readonly onEnd: () => void;
  readonly onFault: (fault: Fault) => void;
}

export function limitSession(session: ServerHttp2Session, connection: TcpConnection, limits: SessionLimits): void {
  const { headTimeout, idleTimeout, onEnd, onFault } = limits;
  const idle = guard("http2 session idle", onFault, () => {
    // close() would wait for a stream whose head is incomplete.
    if (connection.exchanges.size === 0) session.destroy();
  });
  session.setTimeout(idleTimeout, idle);
  // Node's timeout restarts with every PING.
  const headTimer = new Timer(idle, noLimit(headTimeout));
  connection.headTimer = headTimer;
  session.once(
    "close",
    guard("http2 session end", onFault, () => {
      headTimer.clear();
      clearSessionTimer(session);
      onEnd();
    }),
  );
}
