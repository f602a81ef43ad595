/** The operations of a running server: wraps its service, so that everything about each request is noted once. */

import type { Fault } from "../../host/guard.ts";
import { describeFault } from "../../host/guard.ts";
import type { PeerAddress, ServerExchange } from "../../host/http/exchange.ts";
import type { BoundAddress, ListenerOptions } from "../../host/http/listener.ts";
import { Registry } from "../../host/metrics/registry.ts";
import { StatusListener } from "../../host/metrics/status-listener.ts";
import type { TraceConnection } from "../../host/quic/tracing.ts";
import type { ServiceManager } from "../../host/system/service-manager.ts";
import { hostAndPort } from "../../wire/ip-address.ts";
import type { Service } from "../running-server.ts";
import { TrustedProxies } from "../trusted-proxies.ts";
import { AccessLog } from "./access-log/access-log.ts";
import { DeprecationReport } from "./deprecation/report.ts";
import { RequestIds } from "./identification/request-id.ts";
import { TraceContexts } from "./identification/traceparent.ts";
import { Limits } from "./limits/limits.ts";
import { DEFAULT_METRICS_HOST, DEFAULT_METRICS_PORT } from "./metrics/options.ts";
import { type MetricsRole, ServerMetrics } from "./metrics/server-metrics.ts";
import { type Identification, ObservedExchange } from "./observed-exchange.ts";
import type { OperationsOptions } from "./options.ts";

export interface OperationsContext {
  /** A supervisor answers no requests; its workers have no listener for metrics. */
  readonly role: MetricsRole;
  readonly log: (line: string) => void;
  /** The names of the server's certificates; the same array while they have not changed. */
  readonly names: () => readonly string[];
  /** The metrics of the workers, for a supervisor. */
  readonly workers?: (() => Promise<readonly string[]>) | undefined;
}

/** The hooks of listeners that operations need. */
export type ListenerHooks = Pick<ListenerOptions, "admits" | "onOpened" | "onSecured" | "onTlsError">;

type State = "starting" | "ready" | "draining";

export class Operations {
  readonly metrics: ServerMetrics | undefined;
  readonly #accessLogs: readonly AccessLog[];
  readonly #report: DeprecationReport | undefined;
  readonly #proxies: TrustedProxies;
  readonly #ids: RequestIds | undefined;
  readonly #traces: TraceContexts | undefined;
  readonly #limits: Limits | undefined;
  #service: Service | undefined;
  #state: State = "starting";
  #status = "";
  #listener: StatusListener | undefined;
  #manager: ServiceManager | undefined;

  private constructor(
    options: OperationsOptions,
    context: OperationsContext,
    accessLogs: readonly AccessLog[],
    report: DeprecationReport | undefined,
  ) {
    const { requestId = accessLogs.length > 0, traceContext = false, metrics } = options;
    this.#accessLogs = accessLogs;
    this.#report = report;
    this.#proxies = new TrustedProxies(options.trustedProxies ?? []);
    this.#ids = requestId === false ? undefined : new RequestIds(requestId === true ? {} : requestId);
    this.#traces = traceContext === false ? undefined : new TraceContexts(traceContext === true ? {} : traceContext);
    const { limits, trustedProxies = [] } = options;
    // A supervisor takes no requests.
    if (limits !== undefined && context.role !== "supervisor") this.#limits = new Limits(limits, trustedProxies);
    if (metrics === undefined) return;
    this.metrics = new ServerMetrics(metrics, {
      ...context,
      status: () => this.#service?.status?.() ?? {},
      droppedLines: () => accessLogs.reduce((sum, { dropped }) => sum + dropped, 0),
    });
  }

  /** Rejects with a `ServeError` for an option that cannot be used. */
  static async open(options: OperationsOptions, context: OperationsContext): Promise<Operations> {
    const { accessLog, deprecationReport, metrics } = options;
    const { log, role } = context;
    const wanted = accessLog === undefined || role === "supervisor" ? [] : [accessLog].flat();
    const opened = await Promise.all(wanted.map((each) => AccessLog.open(each, log)));
    const isReported = deprecationReport !== undefined && role !== "supervisor";
    const report = isReported ? await DeprecationReport.open(deprecationReport, log) : undefined;
    const operations = new Operations(options, context, opened, report);
    try {
      if (options.systemd === true && role !== "worker") await operations.#openManager(log);
      if (metrics !== undefined && role !== "worker") await operations.#listen(metrics, log);
    } catch (error) {
      await operations.close();
      throw error;
    }
    return operations;
  }

  async #openManager(log: (line: string) => void): Promise<void> {
    const { ServiceManager } = await import("../../host/system/service-manager.ts");
    const onFault = (fault: Fault): void => log(describeFault(fault));
    this.#manager = await ServiceManager.open({ env: process.env, log, onFault });
  }

  async #listen(
    { port = DEFAULT_METRICS_PORT, host = DEFAULT_METRICS_HOST }: NonNullable<OperationsOptions["metrics"]>,
    log: (line: string) => void,
  ): Promise<void> {
    const pages = {
      "/metrics": async () => ({ status: 200, type: Registry.contentType, text: await this.metrics!.text() }),
      "/healthz": () => ({ status: 200, text: "alive\n" }),
      "/readyz": () => ({ status: this.#state === "ready" ? 200 : 503, text: `${this.#state}\n` }),
    };
    const onFault = (fault: Fault): void => log(describeFault(fault));
    this.#listener = await StatusListener.open({ port, host }, pages, onFault);
  }

  /** Where the metrics are; undefined if this process has no listener for them. */
  get url(): URL | undefined {
    const address = this.#listener?.address;
    if (address === undefined) return undefined;
    return new URL(`http://${hostAndPort(address.address, address.port)}/metrics`);
  }

  /** For the listeners of the server. */
  get hooks(): ListenerHooks {
    const connections = this.metrics?.connections;
    const limits = this.#limits;
    return {
      ...(connections === undefined && limits === undefined
        ? {}
        : { onOpened: (remote, transport) => this.#open(remote, transport) }),
      // Refused before the handshake costs anything; over TCP, `onOpened` comes as early.
      ...(limits === undefined ? {} : { admits: ({ remote }) => this.#admits(limits, remote) }),
      ...(connections === undefined
        ? {}
        : {
            onSecured: (milliseconds) => connections.secured(milliseconds),
            onTlsError: (error) => connections.failed(error),
          }),
    };
  }

  #admits(limits: Limits, remote: PeerAddress): boolean {
    const isAdmitted = limits.admits(remote);
    if (!isAdmitted) this.metrics?.connections.refused();
    return isAdmitted;
  }

  #open(remote: PeerAddress, transport: "tcp" | "udp"): (() => void) | false {
    const release = this.#limits?.open(remote);
    if (this.#limits !== undefined && release === undefined) {
      this.metrics?.connections.refused();
      return false;
    }
    const closed = this.metrics?.connections.opened(transport);
    return () => {
      release?.();
      closed?.();
    };
  }

  get trace(): TraceConnection | undefined {
    return this.metrics?.trace;
  }

  /** Call when the server listens. `altSvc` is what its responses over TCP say. */
  ready(addresses: readonly BoundAddress[], altSvc: string | undefined): void {
    const udp = addresses.filter(({ transport }) => transport === "udp").map(({ port }) => port);
    this.metrics?.listening(udp, altSvc !== undefined && altSvc !== "clear");
    if (this.#state === "starting") this.#state = "ready";
    const [first] = addresses;
    this.#status = `serving on port ${first?.port}`;
    this.#manager?.ready(this.#status);
  }

  /** The same service, with its requests noted. */
  wrap(service: Service): Service {
    this.#service = service;
    return {
      acceptsTunnels: service.acceptsTunnels === true,
      handle: (exchange) => {
        const observed = this.#observe(exchange);
        if (observed !== undefined) service.handle(observed);
      },
      settled: async () => service.settled?.(),
      status: () => service.status?.() ?? {},
      drain: () => {
        this.#state = "draining";
        this.#manager?.stopping();
        service.drain?.();
      },
      reopen: async () => {
        this.#manager?.reloading();
        await Promise.all([
          ...this.#accessLogs.map((each) => each.reopen()),
          this.#report?.reopen(),
          service.reopen?.(),
        ]);
        this.#manager?.ready(this.#status);
      },
      close: async () => {
        await service.close?.();
        await this.close();
      },
    };
  }

  /** Call if the server did not start; otherwise the service does. */
  async close(): Promise<void> {
    this.metrics?.close();
    this.#limits?.close();
    this.#manager?.close();
    await Promise.all([
      this.#listener?.close(),
      this.#report?.close(),
      ...this.#accessLogs.map((each) => each.close()),
    ]);
  }

  /** Returns undefined if a limit has refused the request. */
  #observe(exchange: ServerExchange): ObservedExchange | undefined {
    const { metrics } = this;
    const client = this.#proxies.clientOf(exchange).address;
    const refusal = this.#limits?.begin(client);
    const observed = new ObservedExchange(
      exchange,
      client,
      this.#identify(exchange, this.#proxies.pathOf(exchange).isTrusted),
      () => {
        if (refusal === undefined) this.#limits?.end();
        if (observed.refusal !== undefined) metrics?.refusedRequest(observed.refusal);
        metrics?.end(observed);
        this.#report?.note(observed);
        for (const each of this.#accessLogs) each.note(observed);
      },
    );
    metrics?.begin(observed);
    if (refusal === undefined) return observed;
    observed.refusal = refusal.reason;
    // RFC 6585 §4, RFC 9110 §15.6.4.
    observed.respond(refusal.status, [["retry-after", String(refusal.retryAfter)]], { endStream: true });
    return undefined;
  }

  #identify({ fields }: ServerExchange, isTrusted: boolean): Identification | undefined {
    if (this.#ids === undefined && this.#traces === undefined) return undefined;
    return { request: this.#ids?.of(fields, isTrusted), trace: this.#traces?.of(fields, isTrusted) };
  }
}
