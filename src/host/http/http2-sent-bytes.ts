/** The progress of an HTTP/2 session's writes, which Node does not report. */
import type { ServerHttp2Session } from "node:http2";

/** Counts sent bytes: sums how much the session's flow control window shrinks between calls. */
export function sentBytesCounter(session: ServerHttp2Session): () => number {
  let sent = 0;
  let before = 0;
  return () => {
    if (session.destroyed) return sent;
    const window = session.state.remoteWindowSize ?? before;
    sent += Math.max(0, before - window);
    before = window;
    return sent;
  };
}
