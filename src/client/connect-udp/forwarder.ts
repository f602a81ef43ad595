// A local UDP port whose datagrams go to one target through a proxy (RFC 9298): what `nagare tunnel` opens.
import type { SocketAddress } from "../../base/datagrams.ts";
import { ClientError } from "../../host/client/errors.ts";
import type { Protocol } from "../../host/client/session.ts";
import { type HostClock, systemClock } from "../../host/clock.ts";
import { detach, type Fault, guard, reportFault } from "../../host/guard.ts";
import type { UdpTunnel, UdpTunnelCallbacks } from "../../host/http/udp-tunnel.ts";
import { Timer } from "../../host/timer.ts";
import { onDatagrams, openLocalSocket, sendDatagram } from "../../host/udp/single-datagrams.ts";
import type { UdpSocket } from "../../host/udp/udp-socket.ts";
import type { ConnectUdpInit } from "./connect-udp.ts";
import type { UdpTunnelRequest } from "./open.ts";
import { type OpenedUdpTunnel, udpTargetOf, udpTemplateOf } from "./open.ts";

/** Where datagrams are taken, and which proxy carries them. */
export interface ForwardUdpInit extends Omit<ConnectUdpInit, "signal"> {
  /** The local port; by default the system chooses one. */
  readonly port?: number | undefined;
  /** The local address; 127.0.0.1 by default. */
  readonly host?: string | undefined;
  /** Local clients at a time, each with its own tunnel; 256 by default. Datagrams of further ones are dropped. */
  readonly maxClients?: number | undefined;
  /** Milliseconds without a datagram after which a tunnel is closed; 2 min by default. */
  readonly idleTimeout?: number | undefined;
  /** Called when a tunnel could not be opened, or broke. The next datagram of the client opens another. */
  readonly onError?: ((error: Error) => void) | undefined;
}

/** Datagrams of a client that wait while its tunnel is being opened; further ones are dropped. */
const MAX_WAITING = 16;

export type OpenTunnel = (
  request: Pick<UdpTunnelRequest, "target" | "template" | "headers">,
  callbacks: UdpTunnelCallbacks,
) => Promise<OpenedUdpTunnel>;

/** A local client. */
interface Flow {
  tunnel: UdpTunnel | undefined;
  /** Undefined once the tunnel is open. */
  waiting: Uint8Array[] | undefined;
  readonly timer: Timer;
}

/** Experimental. */
export class UdpForwarder {
  /** The local address that clients send to. */
  readonly address: { readonly address: string; readonly port: number; readonly family: "IPv4" | "IPv6" };
  /** The version of HTTP to the proxy. */
  readonly protocol: Protocol;
  /** Datagrams that were dropped, for lack of room or because there are too many clients. */
  dropped = 0;
  readonly #socket: UdpSocket;
  readonly #open: (callbacks: UdpTunnelCallbacks) => Promise<OpenedUdpTunnel>;
  readonly #init: ForwardUdpInit;
  readonly #clock: HostClock;
  readonly #flows = new Map<string, Flow>();
  #isClosed = false;

  private constructor(
    socket: UdpSocket,
    protocol: Protocol,
    open: (callbacks: UdpTunnelCallbacks) => Promise<OpenedUdpTunnel>,
    init: ForwardUdpInit,
    clock: HostClock,
  ) {
    const { family, host, port } = socket.address;
    this.address = { address: host, port, family: family === 6 ? "IPv6" : "IPv4" };
    this.protocol = protocol;
    this.#socket = socket;
    this.#open = open;
    this.#init = init;
    this.#clock = clock;
    socket.onFault = this.#onFault;
    onDatagrams(socket, (payload, from) => this.#receive(payload, from));
  }

  /** Rejects if the proxy refuses the target, which a first tunnel finds out, or if the port cannot be opened. */
  static async open(
    openTunnel: OpenTunnel,
    targetText: string,
    init: ForwardUdpInit,
    clock: HostClock = systemClock,
  ): Promise<UdpForwarder> {
    const request = { target: udpTargetOf(targetText), template: udpTemplateOf(init.via), headers: init.headers ?? {} };
    const open = (callbacks: UdpTunnelCallbacks) => openTunnel(request, callbacks);
    const first = await open({ onPayload: () => undefined, onClose: () => undefined });
    first.tunnel.close();
    const { port = 0, host = "127.0.0.1" } = init;
    const socket = await openLocalSocket(port, host).catch((cause: NodeJS.ErrnoException) => {
      const what = cause.code === "EADDRINUSE" ? "is in use" : `cannot be opened (${cause.code ?? cause.message})`;
      throw new ClientError("REQUEST_INVALID", `UDP port ${port} of ${host} ${what}`, {
        cause,
        hint: "choose another port, or 0 for any free one",
      });
    });
    return new UdpForwarder(socket, first.protocol, open, init, clock);
  }

  /** Local clients with a tunnel. */
  get clients(): number {
    return this.#flows.size;
  }

  /** Closes the socket and all tunnels. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    for (const [key, flow] of [...this.#flows]) this.#drop(key, flow);
    await this.#socket.close();
  }

  /** Closes it, like `close`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  readonly #onFault = (fault: Fault): void => (this.#init.onError ?? (() => reportFault(fault)))(fault.error);

  /** After `close`, nobody waits for a tunnel. */
  #report(error: Error): void {
    if (!this.#isClosed) this.#init.onError?.(error);
  }

  #receive(payload: Uint8Array, from: SocketAddress): void {
    const flow = this.#flowOf(from);
    if (flow === undefined) this.dropped += 1;
    else if (flow.waiting === undefined) this.#send(flow, payload);
    else if (flow.waiting.length < MAX_WAITING) flow.waiting.push(payload.slice());
    else this.dropped += 1;
  }

  #send(flow: Flow, payload: Uint8Array): void {
    flow.timer.refresh();
    if (flow.tunnel!.send(payload) !== "queued") this.dropped += 1;
  }

  #flowOf(from: SocketAddress): Flow | undefined {
    const key = `${from.host} ${from.port}`;
    const known = this.#flows.get(key);
    if (known !== undefined) return known;
    const { maxClients = 256, idleTimeout = 120_000 } = this.#init;
    if (this.#flows.size >= maxClients) return undefined;
    const onIdle = guard("client udp idle", this.#onFault, () => this.#drop(key, flow));
    const timer = new Timer(onIdle, idleTimeout, this.#clock).unref();
    const flow: Flow = { tunnel: undefined, waiting: [], timer };
    this.#flows.set(key, flow);
    const opening = this.#connect(key, flow, from).catch((error: Error) => {
      this.#drop(key, flow);
      this.#report(error);
    });
    detach("client udp flow", this.#onFault, opening);
    return flow;
  }

  async #connect(key: string, flow: Flow, from: SocketAddress): Promise<void> {
    const { tunnel } = await this.#open({
      onPayload: (payload) => {
        flow.timer.refresh();
        if (!sendDatagram(this.#socket, from, payload)) this.dropped += 1;
      },
      onClose: (reason) => {
        this.#drop(key, flow);
        if (reason !== undefined) this.#report(reason);
      },
    });
    if (this.#flows.get(key) !== flow) {
      tunnel.close();
      return;
    }
    flow.tunnel = tunnel;
    const waiting = flow.waiting!;
    flow.waiting = undefined;
    for (const payload of waiting) this.#send(flow, payload);
  }

  #drop(key: string, flow: Flow): void {
    if (this.#flows.get(key) !== flow) return;
    this.#flows.delete(key);
    flow.timer.clear();
    flow.tunnel?.close();
  }
}
