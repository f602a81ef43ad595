/**
 * Limits PING and SETTINGS frames, each of which requires an acknowledgement (RFC 9113 §10.5). nghttp2 limits queued
 * acknowledgements, but not the frames of a peer that reads them. It stops other floods itself (resets, CONTINUATION,
 * empty DATA).
 */

import { constants, type Http2Session, type ServerHttp2Session } from "node:http2";
import { RateLimit } from "../../base/rate-limit.ts";
import { systemClock } from "../clock.ts";
import { type Fault, guard } from "../guard.ts";

/** Many more than round-trip measurements need. */
const MAX_PER_SECOND = 1_000;

export function limitControlFrames(session: ServerHttp2Session, onFault: (fault: Fault) => void): void {
  const limit = new RateLimit(MAX_PER_SECOND);
  const count = guard("http2 control frame", onFault, () => {
    if (!limit.take(systemClock.now())) cutOffSession(session);
  });
  session.on("ping", count);
  session.on("remoteSettings", count);
}

/** RFC 9113 §7: the peer causes too much work. */
export const cutOffSession = (session: Http2Session): void =>
  session.destroy(undefined, constants.NGHTTP2_ENHANCE_YOUR_CALM);
