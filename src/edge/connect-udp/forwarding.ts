/**
 * One tunnel: datagrams between a client and the connected socket of its target. Neither direction queues: what the socket or
 * the client's connection has no room for is dropped, as on any congested path.
 */

import type { SocketAddress } from "../../base/datagrams.ts";
import { after, millis } from "../../base/time.ts";
import type { HostClock } from "../../host/clock.ts";
import { detach, type Fault, guard } from "../../host/guard.ts";
import type { Tunnel } from "../../host/http/tunnel.ts";
import { UdpTunnel } from "../../host/http/udp-tunnel.ts";
import { Timer } from "../../host/timer.ts";
import { onDatagrams, sendDatagram } from "../../host/udp/single-datagrams.ts";
import type { UdpSocket } from "../../host/udp/udp-socket.ts";

export interface ForwardingOptions {
  readonly tunnel: Tunnel;
  readonly socket: UdpSocket;
  readonly peer: SocketAddress;
  /** Milliseconds. */
  readonly idleTimeout: number;
  readonly clock: HostClock;
  readonly onFault: (fault: Fault) => void;
  /** Called once, perhaps before the constructor returns. */
  readonly onClose: () => void;
}

/** A datagram that has waited this long for the client's connection is of no use any more. */
const MAX_AGE = millis(1_000);

export class Forwarding {
  readonly #options: ForwardingOptions;
  readonly #timer: Timer;
  /** Undefined while it is being created. */
  #tunnel: UdpTunnel | undefined;
  #isClosed = false;

  constructor(options: ForwardingOptions) {
    const { tunnel, socket, idleTimeout, clock } = options;
    this.#options = options;
    const onIdle = guard("connect-udp idle", this.#handleFault, () => this.close());
    this.#timer = new Timer(onIdle, idleTimeout, clock).unref();
    socket.onFault = this.#handleFault;
    // RFC 9298 §3.1: the stream ends with the socket. ICMP says that the target does not listen, or cannot be reached.
    socket.onRefused = () => this.fail(new Error("the target's port is unreachable"));
    socket.onUnreachable = () => this.fail(new Error("the target cannot be reached"));
    onDatagrams(socket, (payload) => this.#toClient(payload));
    this.#tunnel = new UdpTunnel(tunnel, {
      onPayload: (payload) => this.#toTarget(payload),
      onClose: () => this.#finish(),
    });
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Ends the tunnel in an orderly way. */
  close(): void {
    if (this.#finish()) this.#tunnel?.close();
  }

  /** Resets the tunnel. */
  fail(reason: Error): void {
    if (this.#finish()) this.#tunnel?.reset(reason);
  }

  readonly #handleFault = (fault: Fault): void => {
    this.#options.onFault(fault);
    this.fail(fault.error);
  };

  #toTarget(payload: Uint8Array): void {
    const { socket, peer } = this.#options;
    if (!this.#isClosed && sendDatagram(socket, peer, payload)) this.#timer.refresh();
  }

  #toClient(payload: Uint8Array): void {
    if (this.#isClosed) return;
    const expires = after(this.#options.clock.now(), MAX_AGE);
    // RFC 9298 §6: what is too large for a frame is dropped, and so is what finds no room.
    if (this.#tunnel?.send(payload, expires) === "queued") this.#timer.refresh();
  }

  #finish(): boolean {
    if (this.#isClosed) return false;
    this.#isClosed = true;
    this.#timer.clear();
    const { socket, onClose, onFault } = this.#options;
    socket.onBatch = undefined;
    socket.onRefused = undefined;
    socket.onUnreachable = undefined;
    detach("connect-udp socket", onFault, socket.close());
    onClose();
    return true;
  }
}
