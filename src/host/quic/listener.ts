/** A server's listener for HTTP/3, or other protocols over QUIC: one QUIC endpoint on all bound UDP addresses. */

import type { SocketAddress } from "../../base/datagrams.ts";
import { randomBytes } from "../../base/rng.ts";
import type { CryptoEngine } from "../../crypto/engine.ts";
import {
  type Connection,
  type ConnectionLimits,
  connectionConfig,
  Endpoint,
  type PreferredAddresses,
} from "../../quic/index.ts";
import { createTlsServer } from "../../tls/index.ts";
import { type Budget, DEFAULT_STALL_TIMEOUT, processBudget } from "../budget.ts";
import { wallTime } from "../clock.ts";
import { type Fault, guard, reportFault } from "../guard.ts";
import type { BoundAddress, Http1Limits, ListenerOptions, ManagedListener } from "../http/listener.ts";
import { FAREWELL } from "../http/open-tunnels.ts";
import { Timer } from "../timer.ts";
import type { UdpSocket } from "../udp/udp-socket.ts";
import { ClientCertificates } from "./client-certificates.ts";
import { peerAddress } from "./connection-facts.ts";
import { connectionIds } from "./connection-ids.ts";
import { ConnectionSocket } from "./connection-socket.ts";
import { QuicDriver } from "./driver.ts";
import { pathFeatures, type QuicEnvironment, systemEnvironmentWith } from "./environment.ts";
import { H3_ALPN, serveH3 } from "./h3-server-connection.ts";
import { DEFAULT_HEADERS_TIMEOUT } from "./head-timeout.ts";
import { congestionControlNamed, handshakeLimit, idleLimit, newerDrafts, versionNumbers } from "./quic-options.ts";
import { RESET_KEY_LENGTH, resetSecret } from "./reset-key.ts";
import {
  AcceptedConnection,
  type AcceptedConnectionOptions,
  type SelectIdentityEvent,
  type ServerProtocols,
} from "./server-protocol.ts";
import { SessionTickets } from "./session-tickets.ts";
import { type SelectIdentity, tlsIdentities } from "./tls-identities.ts";
import { endpointTrace } from "./tracing.ts";

export interface QuicListenerOptions extends ListenerOptions {
  readonly limits?: Partial<ConnectionLimits>;
  /** The protocols to offer. Default: HTTP/3. */
  readonly serverProtocols?: ServerProtocols;
}

/** HTTP/3 needs three; WebTransport's sessions share the rest. */
const MAX_UNI_STREAMS = 256;

const DEFAULT_PROTOCOLS: ServerProtocols = { [H3_ALPN]: serveH3 };

export class QuicListener implements ManagedListener {
  readonly protocols = ["h3"] as const;
  readonly #options: QuicListenerOptions;
  readonly #environment: QuicEnvironment;
  readonly #budget: Budget | undefined;
  #driver: QuicDriver | undefined;
  readonly #connections = new Set<AcceptedConnection>();
  readonly #clientCertificates: ClientCertificates | undefined;
  #selectIdentity: SelectIdentity;
  #acceptsTunnels: boolean;
  #headersTimeout: number;
  #accepting: AcceptedConnectionOptions | undefined;
  #isReferenced = true;
  #drainTimer: Timer | undefined;
  /** Pending calls of `close`; a later one may have a shorter timeout. */
  readonly #onEmpty: (() => void)[] = [];

  constructor(options: QuicListenerOptions) {
    this.#options = options;
    this.#selectIdentity = tlsIdentities(options.identities);
    const { tlsOptions } = options;
    this.#clientCertificates = tlsOptions?.requestCert === true ? new ClientCertificates(tlsOptions) : undefined;
    this.#acceptsTunnels = options.acceptsTunnels === true;
    this.#headersTimeout = options.http1Limits?.headersTimeout ?? DEFAULT_HEADERS_TIMEOUT;
    this.#environment = options.environment ?? systemEnvironmentWith(options.engine ?? "auto", options.trace);
    const isReal = options.environment === undefined || options.environment.neighbours !== undefined;
    this.#budget = options.budget ?? (isReal ? processBudget() : undefined);
  }

  /** All addresses belong to one endpoint, so that a connection can move between them. */
  async listen(port: number, host: string): Promise<BoundAddress> {
    const engine = await this.#environment.loadEngine();
    const socket = await this.#environment.bind(port, host);
    if (this.#driver === undefined) this.#driver = await this.#openAll(engine, socket);
    else this.#driver.addSocket(socket);
    const { address } = socket;
    return {
      transport: "udp",
      address: address.host,
      family: address.family === 6 ? "IPv6" : "IPv4",
      port: address.port,
    };
  }

  /** Binds the preferred addresses too, which the endpoint must know. */
  async #openAll(engine: CryptoEngine, socket: UdpSocket): Promise<QuicDriver> {
    const sockets = [socket];
    const preferred: SocketAddress[] = [];
    try {
      for (const { host, port } of this.#options.quic?.preferredAddress ?? []) {
        const address: SocketAddress = { family: host.includes(":") ? 6 : 4, host, port };
        if (isOnAllAddresses(socket) && port === socket.address.port) {
          preferred.push(address);
          continue;
        }
        const own = await this.#environment.bind(port, host);
        sockets.push(own);
        preferred.push(own.address);
      }
    } catch (error) {
      await Promise.all(sockets.map((each) => each.close()));
      throw error;
    }
    return this.#open(engine, sockets, preferred);
  }

  #open(engine: CryptoEngine, sockets: readonly UdpSocket[], preferred: readonly SocketAddress[]): QuicDriver {
    const socket = sockets[0]!;
    const { onKeyLog, retry, limits, resetKey, admits, quic, serverProtocols = DEFAULT_PROTOCOLS } = this.#options;
    const { rng, clock, neighbours } = this.#environment;
    const config = connectionConfig({
      engine,
      rng,
      connectionIds: neighbours?.connectionIds ?? connectionIds(rng, clock),
      ...pathFeatures(this.#environment, socket),
      keyLog: onKeyLog !== undefined,
      wallTime: () => wallTime(clock),
      versions: versionNumbers({ versions: quic?.versions }).versions,
      congestionControl: congestionControlNamed(quic?.congestionControl),
      ...(quic?.handshakeTimeout === undefined ? {} : { handshakeTimeout: handshakeLimit(quic.handshakeTimeout) }),
      ...(quic?.idleTimeout === undefined ? {} : { maxIdleTimeout: idleLimit(quic.idleTimeout) }),
      datagrams: {},
      disableActiveMigration: quic?.disableActiveMigration === true,
      limits: { initialMaxStreamsUni: MAX_UNI_STREAMS, ...limits },
    });
    const secret = resetKey ?? randomBytes(rng, RESET_KEY_LENGTH);
    const tickets = new SessionTickets(config, secret, this.#options);
    const endpoint = new Endpoint({
      config,
      ...endpointTrace(this.#environment.trace),
      ...(resetKey === undefined ? {} : { staticSecret: resetSecret(engine, resetKey, socket.address) }),
      server: {
        ...(retry === undefined ? {} : { retry }),
        ...(preferred.length === 0 ? {} : { preferredAddress: preferredAddresses(preferred) }),
        tokenKey: secret,
        ...(admits === undefined
          ? {}
          : {
              // It limits connections; one that moves is not another one.
              admits: (remote, local, occasion) =>
                occasion === "move" || admits({ remote: peerAddress(remote), local: peerAddress(local) }),
            }),
        createTls: (transportParameters, facts) =>
          createTlsServer({
            engine,
            rng,
            alpn: Object.keys(serverProtocols),
            transportParameters,
            selectIdentity: (serverName, schemes) =>
              serverName === undefined || this.#options.selectByName === undefined
                ? this.#selectIdentity(serverName, schemes)
                : "later",
            keyLog: onKeyLog !== undefined,
            ...(quic?.groups === undefined ? {} : { groups: quic.groups }),
            wallTime: config.wallTime,
            certificateCompression: this.#environment.certificateCompression,
            clientCertificate: this.#clientCertificates?.policy,
            tickets: tickets.policy(facts, this.#acceptsTunnels),
          }),
      },
    });
    const driver = new QuicDriver(endpoint, sockets, this.#environment);
    driver.onFault = this.#options.onFault ?? reportFault;
    if (neighbours !== undefined) {
      endpoint.handOver = (received, index, now) => neighbours.handOver(received, index, now);
      neighbours.onBatch = (batch) => driver.handleBatch(batch);
    }
    driver.onAccept = (connection) => {
      this.#accepting ??= this.#acceptingOn(driver);
      const accepted = new AcceptedConnection(connection, driver, this.#accepting);
      this.#connections.add(accepted);
      return accepted;
    };
    if (!this.#isReferenced) driver.unref();
    return driver;
  }

  /** What new connections have in common, until an option changes. */
  #acceptingOn(driver: QuicDriver): AcceptedConnectionOptions {
    const { quic, onKeyLog, serverProtocols = DEFAULT_PROTOCOLS } = this.#options;
    return {
      protocols: serverProtocols,
      onExchange: this.#options.onExchange,
      acceptsTunnels: this.#acceptsTunnels,
      newerDrafts: newerDrafts(quic?.experimental),
      headersTimeout: this.#headersTimeout,
      origins: this.#options.origins,
      controlFrames: this.#options.connectionFrames?.h3,
      earlyData: this.#options.earlyData ?? "safe",
      onKeyLog,
      budget: this.#budget,
      stallTimeout: this.#options.stallTimeout ?? DEFAULT_STALL_TIMEOUT,
      clientCertificates: this.#clientCertificates,
      onSelectIdentity: (connection, event) => this.#selectLater(connection, driver, event),
      onConnected: (accepted, alpn) => this.#handleConnected(accepted, alpn),
      onClosed: (closed) => this.#handleClosed(closed),
    };
  }

  async close(timeout: number, notice = 0): Promise<void> {
    if (this.#driver !== undefined) this.#driver.endpoint.isAccepting = false;
    if (notice > 0) this.#drainGently(notice);
    else for (const connection of this.#connections) connection.drain();
    const cutOff = guard(
      "h3 cut-off",
      (fault) => {
        for (const connection of this.#connections) connection.handleFault(fault);
      },
      () => {
        if (!isAnnounced) {
          isAnnounced = true;
          for (const connection of this.#connections) connection.announceClose();
          timer = new Timer(cutOff, FAREWELL, this.#environment.clock);
          return;
        }
        for (const connection of this.#connections) connection.close();
      },
    );
    // Without time for both, connections are just closed.
    let isAnnounced = timeout < 2 * FAREWELL;
    if (timeout <= 0) cutOff();
    let timer = new Timer(cutOff, isAnnounced ? timeout : timeout - FAREWELL, this.#environment.clock);
    await this.#whenEmpty();
    timer.clear();
    this.#drainTimer?.clear();
    const { neighbours } = this.#environment;
    if (neighbours !== undefined) neighbours.onBatch = undefined;
    await this.#driver?.close();
  }

  /** Announces the end to each connection, and drains it at the next step. Connections in their handshake follow. */
  #drainGently(notice: number): void {
    for (const connection of this.#connections) connection.drainGently();
    const onFault = (fault: Fault): void => {
      for (const connection of this.#connections) connection.drain();
      (this.#options.onFault ?? reportFault)(fault);
    };
    const step = guard("h3 drain step", onFault, () => this.#drainGently(notice));
    this.#drainTimer = new Timer(step, notice, this.#environment.clock);
  }

  /** Resolves when every connection has ended. */
  #whenEmpty(): Promise<void> {
    if (this.#connections.size === 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.#onEmpty.push(resolve);
    });
  }

  #selectLater(connection: Connection, driver: QuicDriver, { serverName, schemes }: SelectIdentityEvent): void {
    this.#options.selectByName!(serverName!, "udp", (error, selected) => {
      const chosen = selected?.identity ?? this.#selectIdentity(serverName, schemes);
      connection.identitySelected(error === null ? chosen : undefined, driver.now());
    });
  }

  #handleConnected(accepted: AcceptedConnection, alpn: string): void {
    const { onOpened, onConnection } = this.#options;
    accepted.onEnded = onOpened?.(peerAddress(accepted.connection.remoteAddress), "udp");
    if (accepted.onEnded === false) {
      accepted.shed("too many connections");
      return;
    }
    if (onConnection === undefined) return;
    const socket = new ConnectionSocket(accepted.connection, accepted, alpn);
    accepted.socket = socket;
    onConnection(socket);
  }

  #handleClosed(connection: AcceptedConnection): void {
    if (connection.onEnded) connection.onEnded();
    this.#connections.delete(connection);
    connection.socket?.destroy();
    if (this.#connections.size === 0) for (const resolve of this.#onEmpty.splice(0)) resolve();
  }

  get connections(): number {
    return this.#connections.size;
  }

  closeConnections(which: "all" | "idle"): void {
    for (const connection of this.#connections) {
      if (which === "all") connection.close();
      else if (!connection.isBusy()) connection.drain();
    }
  }

  setIdentities(identities: ListenerOptions["identities"]): void {
    this.#selectIdentity = tlsIdentities(identities);
  }

  setHttp1Limits({ headersTimeout }: Http1Limits): void {
    this.#headersTimeout = headersTimeout ?? this.#headersTimeout;
    this.#accepting = undefined;
  }

  acceptTunnels(): void {
    this.#acceptsTunnels = true;
    this.#accepting = undefined;
  }

  ref(): void {
    this.#isReferenced = true;
    this.#driver?.ref();
  }

  unref(): void {
    this.#isReferenced = false;
    this.#driver?.unref();
  }
}

/** A server on all addresses listens on those of the other family too. */
const isOnAllAddresses = ({ address: { host } }: UdpSocket): boolean => host === "::" || host === "0.0.0.0";

function preferredAddresses(addresses: readonly SocketAddress[]): PreferredAddresses {
  const [ipv4, ipv6] = [4, 6].map((family) => addresses.find((address) => address.family === family));
  return { ipv4, ipv6 };
}
