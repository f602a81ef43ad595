/** A UDP proxy (RFC 9298), over every version of HTTP. */

import type { SocketAddress } from "../../base/datagrams.ts";
import { describeFault, detach, type Fault } from "../../host/guard.ts";
import type { ExchangeClient, ExchangeHandler, ServerExchange } from "../../host/http/exchange.ts";
import type { Context } from "../../host/http/fetch-context.ts";
import { respondText } from "../../host/http/respond-text.ts";
import type { Tunnel } from "../../host/http/tunnel.ts";
import type { ContextTunnel } from "../../host/http/tunnel-streams.ts";
import type { UdpSocket } from "../../host/udp/udp-socket.ts";
import { CAPSULE_PROTOCOL_FIELD } from "../../http/capsules/index.ts";
import { targetText } from "../../http/connect-udp/index.ts";
import type { FieldLine } from "../../http/index.ts";
import { clientKey } from "../operations/addresses/client-key.ts";
import type { Service } from "../running-server.ts";
import { openDestination } from "./destination.ts";
import { Forwarding } from "./forwarding.ts";
import { type ConnectUdpOptions, type ConnectUdpSettings, connectUdpSettings, type UdpProxyHost } from "./options.ts";
import { UdpRefusal } from "./refusal.ts";
import { TunnelSlots } from "./slots.ts";

/** A request, however it arrived. */
interface TunnelRequest {
  readonly protocol: string | undefined;
  readonly path: string;
  readonly remoteAddress: string;
  readonly headers: Headers;
  readonly isAborted: () => boolean;
  readonly accept: (fields: readonly FieldLine[]) => Tunnel;
}

/** A proxy for UDP, for use in a handler. */
export class UdpProxy implements Service {
  readonly acceptsTunnels = true;
  readonly #settings: ConnectUdpSettings;
  readonly #slots: TunnelSlots;
  readonly #tunnels = new Set<Forwarding>();
  readonly #onFault = (fault: Fault): void => this.#settings.log(describeFault(fault));
  #isClosed = false;

  /** Throws a `ServeError` if an option is invalid. `host` replaces this machine in tests. */
  constructor(options: ConnectUdpOptions, host?: UdpProxyHost) {
    this.#settings = connectUdpSettings(options, host);
    this.#slots = new TunnelSlots(this.#settings.maxSockets, this.#settings.maxSocketsPerClient);
  }

  /** Tunnels that are open or being opened. */
  get sockets(): number {
    return this.#slots.taken;
  }

  /** Answers an exchange. */
  readonly handle: ExchangeHandler = (exchange) => {
    const request: TunnelRequest = {
      protocol: exchange.tunnelOffer?.protocol,
      path: exchange.path,
      remoteAddress: this.#addressOf(exchange),
      headers: headersOf(exchange),
      isAborted: () => exchange.aborted !== undefined,
      accept: (fields) => exchange.acceptTunnel(fields),
    };
    const answered = this.#open(request).catch((error: unknown) => {
      if (exchange.aborted !== undefined) return;
      if (!(error instanceof UdpRefusal)) throw error;
      respondText(exchange, error.status, error.message, error.fields);
    });
    const onFault = (fault: Fault): void => {
      this.#onFault(fault);
      if (exchange.status === undefined) respondText(exchange, 500);
      else exchange.reset(fault.error);
    };
    detach("connect-udp request", onFault, answered);
  };

  /** Answers a request of a fetch handler: return the response from the handler. Experimental. */
  async fetch(request: Request, context: Context): Promise<Response> {
    const tunnel = context.tunnel as ContextTunnel | undefined;
    const { pathname, search } = new URL(request.url);
    try {
      await this.#open({
        protocol: tunnel?.protocol,
        path: pathname + search,
        remoteAddress: tunnel === undefined ? context.remoteAddress.address : this.#addressOf(tunnel.client),
        headers: request.headers,
        isAborted: () => context.signal.aborted,
        accept: (fields) => tunnel!.acceptRaw(fields),
      });
      // A placeholder: the tunnel's own response has been sent.
      return new Response(null);
    } catch (error) {
      if (!(error instanceof UdpRefusal)) throw error;
      return new Response(`${error.message}\n`, { status: error.status, headers: error.fields as [string, string][] });
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    for (const tunnel of [...this.#tunnels]) tunnel.close();
  }

  #addressOf(client: ExchangeClient): string {
    return client.clientAddress ?? this.#settings.trustedProxies.clientOf(client).address;
  }

  /** Rejects with a `UdpRefusal`. */
  async #open(request: TunnelRequest): Promise<void> {
    const { targetOf, authorize, maxSockets, maxSocketsPerClient } = this.#settings;
    if (request.protocol === undefined) {
      throw new UdpRefusal("http_request_error", "this resource only takes requests for connect-udp (RFC 9298)");
    }
    // RFC 9220 §3: an unknown protocol is not implemented.
    if (request.protocol.toLowerCase() !== "connect-udp") {
      throw new UdpRefusal("http_request_error", "the only protocol here is connect-udp", { status: 501 });
    }
    const target = targetOf(request.path);
    if (target === undefined) {
      throw new UdpRefusal("http_request_error", "the path does not name a host and a port as the template says");
    }
    const { remoteAddress, headers } = request;
    if (authorize !== undefined && !(await authorize({ target: targetText(target), headers, remoteAddress }))) {
      throw new UdpRefusal("http_request_denied", "this request is not authorized");
    }
    const free = this.#slots.take(clientKey(remoteAddress));
    if (free === "all") {
      throw new UdpRefusal("connection_limit_reached", `${maxSockets} tunnels are open, which is the limit`);
    }
    if (free === "client") {
      const message = `this client has ${maxSocketsPerClient} tunnels open, which is the limit`;
      throw new UdpRefusal("connection_limit_reached", message, { status: 429 });
    }
    try {
      const { socket, peer } = await openDestination(target, this.#settings);
      try {
        this.#forward(request, socket, peer, free);
      } catch (error) {
        await socket.close();
        throw error;
      }
    } catch (error) {
      free();
      throw error;
    }
  }

  #forward(request: TunnelRequest, socket: UdpSocket, peer: SocketAddress, free: () => void): void {
    const { idleTimeout, host } = this.#settings;
    // The client may have given up while its target was looked up.
    if (request.isAborted() || this.#isClosed) {
      throw new UdpRefusal("proxy_internal_error", "the proxy is closing", { status: 503 });
    }
    let forwarding: Forwarding | undefined;
    forwarding = new Forwarding({
      tunnel: request.accept([CAPSULE_PROTOCOL_FIELD]),
      socket,
      peer,
      idleTimeout,
      clock: host.clock,
      onFault: this.#onFault,
      onClose: () => {
        free();
        if (forwarding !== undefined) this.#tunnels.delete(forwarding);
      },
    });
    if (!forwarding.isClosed) this.#tunnels.add(forwarding);
  }
}

const headersOf = ({ fields }: ServerExchange): Headers => new Headers(fields.map(([name, value]) => [name, value]));
