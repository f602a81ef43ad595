// The sockets of a client whose HTTP/3 goes through a UDP proxy: a tunnel for each.
import type { SocketAddress } from "../../base/datagrams.ts";
import { ClientError } from "../../host/client/errors.ts";
import type { SocketsOver } from "../../host/client/own-http3.ts";
import type { HostClock } from "../../host/clock.ts";
import { guard } from "../../host/guard.ts";
import type { QuicEnvironment } from "../../host/quic/environment.ts";
import type { UdpSocket } from "../../host/udp/udp-socket.ts";
import { parseUdpTarget, type UriTemplate } from "../../http/connect-udp/index.ts";
import type { ClientOptions, ClientSettings, UdpViaOptions } from "../options.ts";
import type { Origin } from "../origin.ts";
import { openUdpTunnel, udpTemplateOf } from "./open.ts";
import { TunnelQuicSocket } from "./quic-socket.ts";

/** The first datagrams of a QUIC connection have this many bytes (RFC 9000 §14.1). */
const FIRST_DATAGRAM = 1_200;
/** Milliseconds that a path's MTU is waited for, and between two looks at it. */
const MTU_WAIT = 1_000;
const MTU_INTERVAL = 5;

/** The connections to the proxy. */
interface ProxyConnections {
  readonly settings: ClientSettings;
  origin(url: URL): Origin;
  destroy(error: Error): Promise<void>;
}

/** The sockets for `udpVia`; undefined without it. Throws a `ClientError` if the template is invalid. */
export function tunnelSockets(
  options: ClientOptions,
  clock: HostClock,
  createConnections: (options: ClientOptions) => ProxyConnections,
): SocketsOver | undefined {
  const { udpVia, ca, resolve, resolver, localAddress, engine } = options;
  if (udpVia === undefined) return undefined;
  if (options.http3 !== undefined) throw new TypeError("udpVia needs our own HTTP/3: leave out http3");
  if (options.happyEyeballs !== undefined) throw new TypeError("udpVia leaves happyEyeballs nothing to race");
  const { url, headers, client } =
    typeof udpVia === "string" || udpVia instanceof URL
      ? { url: udpVia, headers: undefined, client: undefined }
      : udpVia;
  const template = udpTemplateOf(url);
  const inherited = Object.entries({ ca, resolve, resolver, localAddress, engine }).filter(
    ([, value]) => value !== undefined,
  );
  const connections = createConnections({ ...Object.fromEntries(inherited), ...client });
  return new TunnelSockets(template, headers, connections, clock);
}

class TunnelSockets implements SocketsOver {
  readonly #template: UriTemplate;
  readonly #headers: UdpViaOptions["headers"];
  readonly #connections: ProxyConnections;
  readonly #clock: HostClock;
  readonly #sockets = new Map<SocketAddress, TunnelQuicSocket>();
  #count = 0;

  constructor(
    template: UriTemplate,
    headers: UdpViaOptions["headers"],
    connections: ProxyConnections,
    clock: HostClock,
  ) {
    this.#template = template;
    this.#headers = headers;
    this.#connections = connections;
    this.#clock = clock;
  }

  environment(system: QuicEnvironment): QuicEnvironment {
    return {
      ...system,
      connect: (peer) => this.#open(peer),
      // Path MTU discovery need not probe what the tunnel cannot carry.
      interfaceLimit: (local) => (local && this.#sockets.get(local)?.maxPayload) || undefined,
    };
  }

  async close(): Promise<void> {
    await this.#connections.destroy(new ClientError("CLIENT_CLOSED", "the client was closed"));
  }

  async #open(peer: SocketAddress): Promise<UdpSocket> {
    const target = parseUdpTarget(peer.host, String(peer.port));
    if (target === undefined) {
      throw new ClientError("REQUEST_INVALID", `"${peer.host}" is not a host that a UDP proxy can be asked for`);
    }
    this.#count = (this.#count % 65_535) + 1;
    const address: SocketAddress = {
      family: peer.family,
      host: peer.family === 6 ? "::" : "0.0.0.0",
      port: this.#count,
    };
    const socket = new TunnelQuicSocket(address, peer, this.#clock, () => this.#sockets.delete(address));
    const connections = this.#connections;
    const headers = this.#headers ?? {};
    const { tunnel } = await openUdpTunnel(
      (url) => connections.origin(url),
      connections.settings,
      { target, template: this.#template, headers },
      {
        onPayload: (payload) => socket.deliver(payload),
        onDrain: () => socket.handleDrain(),
        onClose: () => socket.handleClose(),
      },
    );
    socket.attach(tunnel);
    this.#sockets.set(address, socket);
    await this.#untilItFits(socket);
    if (!socket.hasEnded) return socket;
    // Nobody has heard of it: `onRefused` and `onUnreachable` are set later.
    await socket.close();
    throw new ClientError("CONNECTION_LOST", "the UDP proxy ended the tunnel");
  }

  /** Over HTTP/3, waits for path MTU discovery: at first, packets of the outer connection are as small as the inner ones. */
  #untilItFits(socket: TunnelQuicSocket): Promise<void> {
    return new Promise((resolve) => {
      let left = MTU_WAIT / MTU_INTERVAL;
      const look = guard(
        "client udp room",
        () => resolve(),
        () => {
          left -= 1;
          // If it never fits, the handshake fails by itself, and says so.
          if (socket.hasEnded || socket.maxPayload >= FIRST_DATAGRAM || left <= 0) resolve();
          else this.#clock.startTimer(look, MTU_INTERVAL);
        },
      );
      look();
    });
  }
}
