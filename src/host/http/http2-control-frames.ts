/**
 * Limits PING and SETTINGS frames, each of which requires an acknowledgement (RFC 9113 §10.5). nghttp2 limits queued
 * acknowledgements, but not the frames of a peer that reads them. It stops other floods itself (resets, CONTINUATION,
 * empty DATA).
 */

import { constants, type Http2Session, type ServerHttp2Session } from "node:http2";
import type { Socket } from "node:net";
import { RateLimit } from "../../base/rate-limit.ts";
import { systemClock } from "../clock.ts";
import { type Fault, guard } from "../guard.ts";
import { Timer } from "../timer.ts";

/** Many more than round-trip measurements need. */
const MAX_PER_SECOND = 1_000;

export function limitControlFrames(session: ServerHttp2Session, onFault: (fault: Fault) => void): void {
  const limit = new RateLimit(MAX_PER_SECOND);
  const count = guard("http2 control frame", onFault, () => {
    if (!limit.take(systemClock.now())) cutOffSession(session, onFault);
  });
  session.on("ping", count);
  session.on("remoteSettings", count);
}

/** Node accepts it as no error, which its types do not know. Its default is the code NO_ERROR, which would replace ours. */
const NO_ERROR = null as unknown as undefined;

/** Milliseconds for GOAWAY to reach a peer that may no longer read. */
const LINGER = 1_000;

/** RFC 9113 §7: the peer causes too much work. */
export function cutOffSession(session: Http2Session, onFault: (fault: Fault) => void): void {
  const cutOff = guard(
    "http2 cut off",
    (fault) => {
      session.destroy();
      onFault(fault);
    },
    () => {
      if (session.destroyed) return;
      const socket = tcpSocket(session);
      session.destroy(NO_ERROR, constants.NGHTTP2_ENHANCE_YOUR_CALM);
      // Node waits for its last write, and a peer that reads nothing would keep the connection, and what the kernel has for it.
      new Timer(
        guard("http2 reset", onFault, () => socket !== undefined && reset(socket)),
        LINGER,
      ).unref();
    },
  );
  // Node does not send GOAWAY if it is called while it handles received frames.
  setImmediate(cutOff);
}

/** The connection below TLS, and below our tap. */
function tcpSocket({ socket }: Http2Session): Socket | undefined {
  const { tls } = socket as { readonly tls?: object };
  return ((tls ?? socket) as { readonly _parent?: Socket })._parent;
}

function reset(socket: Socket): void {
  // A UNIX domain socket has no addresses, and cannot be reset.
  if (socket.remotePort === undefined) socket.destroy();
  else socket.resetAndDestroy();
}
