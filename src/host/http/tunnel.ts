/**
 * A request that became a tunnel: bytes of another protocol in both directions, over any version of HTTP. A client
 * requests it with CONNECT (RFC 9110 §9.3.6), extended CONNECT (RFC 8441, RFC 9220) or Upgrade in HTTP/1.1 (RFC 9110
 * §7.8).
 *
 * Each direction ends separately. A reset by either side ends both.
 */
import type { Instant } from "../../base/time.ts";
import type { SendDatagramResult } from "../../quic/index.ts";
import type { SessionStreams } from "../../webtransport/h3/index.ts";
import type { MuxLimits } from "../../webtransport/mux/limits.ts";
import type { RequestBody } from "./request-body.ts";

/** A client's request for a tunnel. */
export interface TunnelOffer {
  /** The token of `:protocol` or `upgrade`; undefined for a plain CONNECT, whose target is the exchange's authority. */
  readonly protocol: string | undefined;
  /** HTTP/2: what the client allows a WebTransport session at its begin; undefined if the server takes none. */
  readonly sessionLimits?: (() => MuxLimits) | undefined;
  /** HTTP/1.1: takes the bytes that arrived with the head, which the tunnel otherwise begins with. */
  takeRest?(): Uint8Array;
}

/** HTTP Datagrams beside the bytes of a tunnel (RFC 9297 §2): they may be lost, and arrive in any order. */
export interface TunnelDatagrams {
  /** The largest payload that can be sent now; 0 if the peer takes none, or has not said yet. */
  readonly maxPayload: number;
  /** Sends a payload, which is dropped if it could not be sent by `expires`. */
  send(payload: Uint8Array, expires?: Instant): SendDatagramResult;
  /** Called with each payload. A few that arrive before it is set wait for it. */
  onDatagram: ((payload: Uint8Array) => void) | undefined;
}

export interface Tunnel {
  /** Present over HTTP/3, for a tunnel with a protocol. Elsewhere datagrams are capsules: see `datagram-tunnel.ts`. */
  readonly datagrams?: TunnelDatagrams | undefined;
  /** Present over HTTP/3, for WebTransport: the streams of the session. Its capsules are the tunnel's bytes. */
  readonly sessionStreams?: SessionStreams | undefined;
  /** Bytes from the client. Unread bytes stay in the transport, whose flow control slows the client down. */
  readonly body: RequestBody;
  /** Why the tunnel was reset; undefined if it was not. */
  readonly aborted: Error | undefined;
  /** Like `ServerExchange.write`: returns false when enough is queued; `onDrain` follows. */
  write(chunk: Uint8Array): boolean;
  /** Ends our direction. */
  end(): void;
  /** Drops what the client still sends. */
  stopReading(): void;
  /** Resets both directions. A `CapsuleError` tells the peer that its message is malformed. */
  reset(reason: Error): void;
  onDrain: (() => void) | undefined;
  /** Called when the server takes no more requests: its tunnels live until it is closed. */
  onShutdown?: (() => void) | undefined;
  /** Called shortly before the server cuts its tunnels off: the last moment to say goodbye. */
  onDeadline?: (() => void) | undefined;
  /** Called if the client resets the tunnel, or its connection ends. */
  onAbort: ((reason: Error) => void) | undefined;
}

/** Throws if there is no offer to accept. */
export function checkOffer(offer: TunnelOffer | undefined, status: number | undefined): TunnelOffer {
  if (offer === undefined) throw new Error("the client did not request a tunnel");
  if (status !== undefined) throw new Error("the response has already begun");
  return offer;
}

/** True if a client would take the response for the start of a tunnel (RFC 9110 §9.3.6). */
export const looksAccepted = (method: string, status: number): boolean =>
  method === "CONNECT" && status >= 200 && status < 300;
