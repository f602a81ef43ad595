/// <reference lib="esnext.disposable" preserve="true" />
/** A running server: listeners on one port, and a service that handles their exchanges. `server.ts` starts it. */

import type { AutoSource } from "../host/acme/managed-certificates.ts";
import type { CertificateSource, Certificates, Identities } from "../host/certificates/certificates.ts";
import type { EngineChoice } from "../host/engine/choice.ts";
import type { ExchangeHandler, HttpVersion } from "../host/http/exchange.ts";
import type { BoundAddress, EarlyDataPolicy, Listener, RetryPolicy } from "../host/http/listener.ts";
import type { ProxyProtocolOptions } from "../host/http/proxy-protocol-gate.ts";
import type { AltSvcOptions } from "../host/listen/alt-svc.ts";
import type { Bound } from "../host/listen/bind.ts";
import { ServeError } from "../host/listen/errors.ts";
import type { QlogOptions } from "../host/qlog/options.ts";
import type { QlogRecorder } from "../host/qlog/recorder.ts";
import type { QuicServerOptions } from "../host/quic/quic-options.ts";
import type { TraceConnection } from "../host/quic/tracing.ts";
import { duration, Timer } from "../host/timer.ts";
import type { StrikeRegister } from "../tls/index.ts";
import type { ServiceStatus } from "./operations/metrics/origin-metrics.ts";
import type { OperationsOptions } from "./operations/options.ts";
import type { HandBackOptions } from "./replay/options.ts";
import type { Transport } from "./transports.ts";
import type { WorkersOption } from "./workers/options.ts";

const DEFAULT_CLOSE_TIMEOUT = 10_000;

/** Handles exchanges. */
export interface Service {
  readonly handle: ExchangeHandler;
  /** True if the service handles CONNECT and upgrades. */
  readonly acceptsTunnels?: boolean;
  /** Resolves when all work it started is done, such as that of `waitUntil`. */
  settled?(): Promise<void>;
  /** Opens files again that others may have moved, such as logs. Called when the server reloads. */
  reopen?(): Promise<void>;
  /** Called when the server begins to close. */
  drain?(): void;
  /** What the service knows about itself, for metrics. */
  status?(): ServiceStatus;
  /** Called after the last exchange, to free resources. */
  close?(): Promise<void>;
}

/** What a server has bound. */
export interface BoundFacts {
  readonly addresses: readonly BoundAddress[];
  /** The descriptor of systemd's socket with the name "http", for plain HTTP. */
  readonly httpDescriptor?: number | undefined;
}

export interface ListenOptions extends OperationsOptions {
  readonly port: number;
  readonly host: string;
  /** Identities that stay, unless `reload` replaces them, or those of watched files. The server watches and closes them. */
  readonly identities: Identities | Certificates;
  /** The versions to support. HTTP/2 and HTTP/1.1 can only be enabled together. */
  readonly protocols?: readonly HttpVersion[] | undefined;
  /** TCP and our own QUIC by default. */
  readonly transports?: readonly Transport[] | undefined;
  /** Receives each line of the key log. These lines decrypt the traffic. */
  readonly onKeyLog?: ((line: string) => void) | undefined;
  /** TCP: load balancers in front of this server that speak the PROXY protocol. */
  readonly proxyProtocol?: ProxyProtocolOptions | undefined;
  /** HTTP/2: reads PRIORITY_UPDATE frames. */
  readonly http2PriorityUpdate?: boolean | undefined;
  /** The origins to name in ORIGIN frames. */
  readonly origins?: readonly string[] | undefined;
  /** HTTP/2: takes WebTransport sessions in capsules. */
  readonly http2WebTransport?: boolean | undefined;
  readonly retry?: RetryPolicy | undefined;
  readonly resetKey?: Uint8Array | undefined;
  readonly earlyData?: EarlyDataPolicy | undefined;
  readonly strikeRegister?: StrikeRegister | undefined;
  readonly quic?: QuicServerOptions | undefined;
  /** HTTP/3: what opens sockets and protects packets. */
  readonly engine?: EngineChoice | undefined;
  /** HTTP/3: records connections in this folder, or as these options say. */
  readonly qlog?: string | QlogOptions | undefined;
  /** HTTP/3: listens to connections too. */
  readonly trace?: TraceConnection | undefined;
  readonly altSvc?: AltSvcOptions | undefined;
  /** Another host that serves the same origins (Plan B). */
  readonly altSvcb?: string | undefined;
  /** Hands requests back to proxies when the server closes. */
  readonly handBack?: HandBackOptions | undefined;
  /** Milliseconds that a client may stall. */
  readonly stallTimeout?: number | undefined;
  /** Bytes that all connections in the process may hold. */
  readonly memoryLimit?: number | undefined;
  /** Maximum number of files open for responses in the whole process. */
  readonly maxOpenFiles?: number | undefined;
  /** Processes that serve. By default, this process serves. */
  readonly workers?: WorkersOption | undefined;
  /** Milliseconds that the previous workers have after a reload. */
  readonly drainTimeout?: number | undefined;
  /** Called when the addresses are bound: before rights are given up, workers start, and requests are answered. */
  readonly onBound?: ((bound: BoundFacts) => Promise<void> | void) | undefined;
  /** Receives a line about each internal fault. Standard error by default. */
  readonly log?: ((line: string) => void) | undefined;
}

/** What a reload replaces. */
export interface ReloadOptions {
  /** The new certificates, as for `serve`. By default, certificate files are read again. */
  readonly tls?: CertificateSource | AutoSource | readonly (CertificateSource | AutoSource)[];
}

/** How a server closes. */
export interface CloseOptions {
  /** Milliseconds that requests in progress have to finish; Infinity waits for all of them. */
  readonly timeout?: number;
  /**
   * Milliseconds between telling clients of the end (GOAWAY, `Connection: close`) and closing idle connections, so that
   * requests in transit are still answered. 0 by default.
   */
  readonly notice?: number;
}

/** A running server. `await using` closes it. */
export class Server implements AsyncDisposable {
  /** The URL for a browser on this machine. */
  readonly url: URL;
  readonly addresses: readonly BoundAddress[];
  /** The supported versions, in order of preference. */
  readonly protocols: readonly HttpVersion[];
  /** Resolves when the server has closed. */
  readonly finished: Promise<void>;
  /** Where `/metrics`, `/healthz` and `/readyz` are; undefined without the option `metrics`, and in workers. */
  readonly metricsUrl: URL | undefined;
  readonly #listeners: readonly Listener[];
  readonly #service: Service;
  readonly #certificates: Certificates;
  readonly #qlog: QlogRecorder | undefined;
  #finish!: () => void;
  #closing: Promise<void> | undefined;

  constructor(
    host: string,
    bound: Bound<Listener>,
    service: Service,
    certificates: Certificates,
    qlog: QlogRecorder | undefined,
    metricsUrl?: URL,
  ) {
    this.metricsUrl = metricsUrl;
    this.#listeners = bound.listeners;
    this.#certificates = certificates;
    // TLS over TCP may refuse the default one, and comes first.
    certificates.start((identities) => {
      for (const listener of bound.listeners) listener.setIdentities(identities);
    });
    this.#service = service;
    this.#qlog = qlog;
    this.addresses = bound.addresses;
    this.protocols = (["h3", "h2", "http/1.1"] as const).filter((protocol) =>
      bound.listeners.some((listener) => listener.protocols.includes(protocol)),
    );
    this.url = new URL(`https://${urlHost(host)}:${bound.addresses[0]!.port}/`);
    this.finished = new Promise((resolve) => {
      this.#finish = resolve;
    });
  }

  get port(): number {
    return this.addresses[0]!.port;
  }

  /** The process ids of the workers; none if this process serves. */
  get workers(): readonly number[] {
    return [];
  }

  /**
   * Replaces the certificates of all protocols for handshakes from now on; established connections are not affected. Rejects
   * with an `IdentityError`, and keeps the previous certificates, if one cannot be used. Opens the access log again.
   */
  async reload({ tls }: ReloadOptions = {}): Promise<void> {
    const sources = tls === undefined ? undefined : [tls].flat();
    const isAuto = sources?.some((source) => "auto" in source) === true;
    if (isAuto && !this.#certificates.takesAuto) {
      throw noAuto();
    }
    if (sources?.length === 0) throw new ServeError("OPTION_INVALID", "tls is empty: give at least one certificate");
    const given = sources as readonly CertificateSource[] | undefined;
    const [reloaded] = await Promise.allSettled([this.#certificates.reload(given), this.#service.reopen?.()]);
    if (reloaded.status === "rejected") throw reloaded.reason;
  }

  /**
   * Accepts no new connections, lets requests in progress finish, and aborts the rest after the timeout (10 s). A second
   * call may shorten the timeout.
   */
  async close({ timeout = DEFAULT_CLOSE_TIMEOUT, notice = 0 }: CloseOptions = {}): Promise<void> {
    duration("timeout", timeout);
    duration("notice", notice);
    this.#certificates.close();
    this.#service.drain?.();
    const closed = Promise.all(this.#listeners.map((listener) => listener.close(timeout, notice)));
    this.#closing ??= this.#close(closed, timeout);
    await this.#closing;
  }

  /** Keeps the process alive while the server listens, which is the default. */
  ref(): this {
    for (const listener of this.#listeners) listener.ref();
    return this;
  }

  /** Lets the process end although the server listens. */
  unref(): this {
    for (const listener of this.#listeners) listener.unref();
    return this;
  }

  /** Closes the server with the default options. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(listeners: Promise<unknown>, timeout: number): Promise<void> {
    await listeners;
    await within(this.#certificates.settled(), timeout);
    if (this.#service.settled !== undefined) await within(this.#service.settled(), timeout);
    await this.#service.close?.();
    await this.#qlog?.close();
    this.#finish();
  }
}

export const noAuto = (): ServeError =>
  new ServeError("OPTION_INVALID", "automatic certificates need a server that was started with some: restart it");

const urlHost = (host: string): string =>
  host === "::" || host === "0.0.0.0" ? "localhost" : host.includes(":") ? `[${host}]` : host;

async function within(promise: Promise<void>, timeout: number): Promise<void> {
  let timer: Timer | undefined;
  const late = new Promise<void>((resolve) => {
    timer = new Timer(resolve, timeout);
  });
  await Promise.race([promise, late]);
  timer?.clear();
}
