/**
 * A request that became a tunnel: bytes of another protocol both ways, whatever version of HTTP carries them. A client
 * asks by CONNECT (RFC 9110 §9.3.6), by extended CONNECT (RFC 8441, RFC 9220) or by Upgrade in HTTP/1.1 (RFC 9110 §7.8).
 *
 * Each direction ends by itself. Whichever side resets cuts off both.
 */
import type { RequestBody } from "./request-body.ts";

/** What a client asks for. */
export interface TunnelOffer {
  /** The token of `:protocol` or `upgrade`; undefined with a plain CONNECT, which is for the exchange's authority. */
  readonly protocol: string | undefined;
}

export interface Tunnel {
  /** What the client sends. Unread bytes stay in the transport, whose flow control holds the client back. */
  readonly body: RequestBody;
  /** Why the tunnel was cut off; undefined as long as it was not. */
  readonly aborted: Error | undefined;
  /** As `ServerExchange.write`: false when enough is waiting, and `onDrain` follows. */
  write(chunk: Uint8Array): boolean;
  /** The end of what we send. */
  end(): void;
  /** What the client still sends is dropped. */
  stopReading(): void;
  /** Cuts off both directions. */
  reset(reason: Error): void;
  onDrain: (() => void) | undefined;
  /** The client, or its connection, cut the tunnel off. */
  onAbort: ((reason: Error) => void) | undefined;
}

/** Acceptance of what was not offered is a fault of the caller. */
export function checkOffer(offer: TunnelOffer | undefined, status: number | undefined): TunnelOffer {
  if (offer === undefined) throw new Error("the client does not ask for a tunnel");
  if (status !== undefined) throw new Error("the response has begun already");
  return offer;
}

/** An answer that a client would take for the beginning of a tunnel (RFC 9110 §9.3.6). */
export const looksAccepted = (method: string, status: number): boolean =>
  method === "CONNECT" && status >= 200 && status < 300;
