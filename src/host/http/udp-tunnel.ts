/** UDP payloads in a tunnel (RFC 9298 §5), for its client and its proxy, over every version of HTTP. */

import type { Instant } from "../../base/time.ts";
import {
  MAX_UDP_DATAGRAM,
  MAX_UDP_PAYLOAD,
  UDP_CONTEXT_LENGTH,
  udpDatagram,
  udpPayload,
} from "../../http/connect-udp/index.ts";
import type { SendDatagramResult } from "../../quic/index.ts";
import { DatagramTunnel } from "./datagram-tunnel.ts";
import type { Tunnel } from "./tunnel.ts";

/** All of them may be called before the constructor returns. */
export interface UdpTunnelCallbacks {
  /** Called with each payload, which is valid only during the call. */
  readonly onPayload: (payload: Uint8Array) => void;
  /** Called for a datagram of an unknown context, which is dropped (RFC 9298 §4). */
  readonly onUnknown?: () => void;
  /** Called when a payload would find room again, after `send` returned "full" over HTTP/1.1 or HTTP/2. */
  readonly onDrain?: () => void;
  /** Called once when the tunnel has ended, unless this side ended it. Without a reason, the peer ended it in an orderly way. */
  readonly onClose: (reason: Error | undefined) => void;
}

export class UdpTunnel {
  readonly #callbacks: UdpTunnelCallbacks;
  /** Undefined while it is being created. */
  #tunnel: DatagramTunnel | undefined;
  /** How the tunnel ended: null in an orderly way, otherwise why it was reset. */
  #end: Error | null | undefined;

  constructor(tunnel: Tunnel, callbacks: UdpTunnelCallbacks) {
    this.#callbacks = callbacks;
    const created = new DatagramTunnel(tunnel, {
      maxDatagram: MAX_UDP_DATAGRAM,
      refusesLarge: true,
      onDatagram: (datagram) => this.#receive(datagram),
      ...(callbacks.onDrain === undefined ? {} : { onDrain: callbacks.onDrain }),
      onEnd: () => {
        if (this.#finish(null)) callbacks.onClose(undefined);
      },
      onAbort: (reason) => {
        if (this.#finish(reason)) callbacks.onClose(reason);
      },
    });
    this.#tunnel = created;
    this.#settle();
  }

  /** The largest payload that can be sent now. Over HTTP/3 it grows as the path's MTU is discovered. */
  get maxPayload(): number {
    return Math.min(MAX_UDP_PAYLOAD, Math.max(0, (this.#tunnel?.maxPayload ?? 0) - UDP_CONTEXT_LENGTH));
  }

  /** True if `onDrain` follows a send that finds no room. */
  get waitsForRoom(): boolean {
    return this.#tunnel?.usesCapsules === true;
  }

  /** Like `DatagramTunnel.send`. */
  send(payload: Uint8Array, expires?: Instant): SendDatagramResult {
    if (this.#end !== undefined || this.#tunnel === undefined) return "closed";
    // RFC 9298 §5: the peer would abort the stream.
    if (payload.length > MAX_UDP_PAYLOAD) return "too-large";
    return this.#tunnel.send(udpDatagram(payload), expires);
  }

  /** Ends the tunnel in an orderly way. */
  close(): void {
    this.#finish(null);
  }

  reset(reason: Error): void {
    this.#finish(reason);
  }

  #receive(datagram: Uint8Array): void {
    if (this.#end !== undefined) return;
    let payload: Uint8Array | undefined;
    try {
      payload = udpPayload(datagram);
    } catch (error) {
      // RFC 9298 §5: too large a payload aborts the stream.
      if (this.#finish(error as Error)) this.#callbacks.onClose(error as Error);
      return;
    }
    if (payload === undefined) this.#callbacks.onUnknown?.();
    else this.#callbacks.onPayload(payload);
  }

  #finish(end: Error | null): boolean {
    if (this.#end !== undefined) return false;
    this.#end = end;
    this.#settle();
    return true;
  }

  #settle(): void {
    if (this.#end === null) this.#tunnel?.close();
    else if (this.#end !== undefined) this.#tunnel?.reset(this.#end);
  }
}
