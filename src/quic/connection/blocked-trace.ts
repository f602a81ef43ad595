/** Traces what keeps a connection from sending what it has to send. Only exists if somebody listens. */

import type { Instant } from "../../base/time.ts";
import type { BlockedReason, QuicTrace } from "../trace.ts";
import type { ConnectionParts } from "./parts.ts";

export class BlockedTrace {
  readonly #trace: QuicTrace;
  #reason: BlockedReason | undefined;
  #datagramReason: BlockedReason | undefined;

  constructor(trace: QuicTrace) {
    this.#trace = trace;
  }

  /** Call when nothing more may be sent now. */
  update(parts: ConnectionParts, now: Instant): void {
    const limit = pathLimit(parts);
    const reason = limit ?? flowLimit(parts);
    if (reason !== this.#reason) {
      this.#reason = reason;
      this.#trace({ type: "quic:connection-data-blocked-updated", reason }, now);
    }
    // RFC 9221 §5.3: datagrams are not subject to flow control.
    const datagramReason = parts.datagrams.hasQueued ? limit : undefined;
    if (datagramReason === this.#datagramReason) return;
    this.#datagramReason = datagramReason;
    this.#trace({ type: "quic:datagram-data-blocked-updated", reason: datagramReason }, now);
  }
}

function pathLimit({ paths, spaces, streams }: ConnectionParts): BlockedReason | undefined {
  const hasData =
    spaces.initial?.crypto.hasData ||
    spaces.handshake?.crypto.hasData ||
    spaces.oneRttCrypto.hasData ||
    streams.hasStreamData;
  if (hasData && paths.primary.routes.active.isAmplificationLimited) return "amplification-protection";
  const blocked = paths.all.find((path) => path.isBlocked);
  if (blocked === undefined) return undefined;
  const { controller, maxDatagramSize } = blocked.routes.active;
  return controller.canSend(maxDatagramSize) ? "pacing" : "congestion-control";
}

function flowLimit({ streams }: ConnectionParts): BlockedReason | undefined {
  if (streams.scheduler.isBlocked) return "connection-flow-control";
  return streams.isWaitingForStream ? "stream-id" : undefined;
}
