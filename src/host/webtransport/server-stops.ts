/** What becomes of a session when its server stops. */

import type { CloseInfo, Session } from "../../webtransport/index.ts";
import type { Tunnel } from "../http/tunnel.ts";

/** How a session ends that is still open when its server has to stop: the code is that of a WebSocket that goes away (RFC 6455 §7.4.1). */
const SERVER_STOPS: CloseInfo = { closeCode: 1001, reason: "the server stops" };

/** Asks the session to end when its server drains, and ends it shortly before the server cuts it off. */
export function endWithServer(session: Session, tunnel: Tunnel): void {
  tunnel.onShutdown = () => session.drain();
  tunnel.onDeadline = () => session.close(SERVER_STOPS);
}
