/** All metrics of a server's process, and their text. */

import { formatExposition, type Merges, mergeExpositions, parseExposition } from "../../../host/metrics/exposition.ts";
import { ProcessMetrics } from "../../../host/metrics/process-metrics.ts";
import { QuicMetrics } from "../../../host/metrics/quic-metrics.ts";
import { Registry } from "../../../host/metrics/registry.ts";
import { ownUdpSockets } from "../../../host/metrics/udp-sockets.ts";
import { type TraceConnection, traceAll } from "../../../host/quic/tracing.ts";
import type { ObservedExchange } from "../observed-exchange.ts";
import { ConnectionMetrics } from "./connection-metrics.ts";
import { FallbackReasons } from "./fallback.ts";
import { HttpMetrics } from "./http-metrics.ts";
import type { MetricsOptions } from "./options.ts";
import { declareOriginMetrics, type ServiceStatus, updateOriginMetrics } from "./origin-metrics.ts";
import { SiteNames } from "./site-names.ts";

/** What a server that supervises workers counts itself. */
export type MetricsRole = "server" | "worker" | "supervisor";

export interface MetricsContext {
  readonly role: MetricsRole;
  /** The names of the server's certificates. */
  readonly names: () => readonly string[];
  readonly status: () => ServiceStatus;
  /** Lines of access logs that were dropped. */
  readonly droppedLines: () => number;
  /** The texts of the workers, in a supervisor. */
  readonly workers?: (() => Promise<readonly string[]>) | undefined;
}

/** Metrics of workers that are not added up. */
const MERGES: Merges = {
  nagare_origin_up: "min",
  nagare_process_start_time_seconds: "min",
  nagare_http3: "max",
};

const FALLBACKS = "Requests over TCP, by why they did not use HTTP/3, as far as the server can know.";
const REFUSED = "Requests that a limit refused: rate, concurrency, lag or memory.";
const DROPPED_LINES = "Lines of access logs that were dropped.";
const UDP_DROPS = "Datagrams that the kernel dropped because the socket's buffer was full.";
const UDP_QUEUE = "Bytes that wait in the receive buffers of UDP sockets.";
const HTTP3 = "1 for the state of HTTP/3 at this server: advertised, not-advertised or disabled.";

export class ServerMetrics {
  readonly registry = new Registry();
  readonly connections: ConnectionMetrics;
  /** For QUIC listeners. */
  readonly trace: TraceConnection | undefined;
  readonly #options: MetricsOptions;
  readonly #context: MetricsContext;
  readonly #http: HttpMetrics;
  readonly #process: ProcessMetrics;
  readonly #fallback = new FallbackReasons();
  #udpPorts: ReadonlySet<number> = new Set();

  constructor(options: MetricsOptions, context: MetricsContext) {
    const { registry } = this;
    this.#options = options;
    this.#context = context;
    const { sites } = options;
    this.#http = new HttpMetrics(registry, new SiteNames(sites === undefined ? context.names : () => sites));
    this.connections = new ConnectionMetrics(registry);
    this.#process = new ProcessMetrics(registry);
    registry.declare("nagare_http_fallback_requests_total", FALLBACKS, "counter");
    registry.declare("nagare_http_refused_total", REFUSED, "counter");
    registry.declare("nagare_access_log_dropped_lines_total", DROPPED_LINES, "counter");
    declareOriginMetrics(registry);
    if (context.role !== "worker") {
      registry.declare("nagare_udp_socket_drops_total", UDP_DROPS, "counter");
      registry.declare("nagare_udp_receive_queue_bytes", UDP_QUEUE, "gauge");
    }
    if (options.quic !== false) this.trace = traceAll([new QuicMetrics(registry).trace, this.#fallback.trace]);
  }

  /** Call when the server listens. `isAdvertised`: responses over TCP say that there is HTTP/3. */
  listening(udpPorts: readonly number[], isAdvertised: boolean): void {
    this.#udpPorts = new Set(udpPorts);
    const { length } = udpPorts;
    this.#fallback.state = length === 0 ? "disabled" : isAdvertised ? "advertised" : "not-advertised";
    this.registry.gauge("nagare_http3", HTTP3, { state: this.#fallback.state }).value = 1;
  }

  begin(exchange: ObservedExchange): void {
    this.#http.begin(exchange);
    const { protocol, remoteAddress, firstAddress = remoteAddress } = exchange;
    if (protocol === "h3") {
      this.#fallback.noteHttp3(firstAddress.address);
      return;
    }
    const reason = this.#fallback.of(remoteAddress.address, remoteAddress.port);
    this.registry.counter("nagare_http_fallback_requests_total", FALLBACKS, { protocol, reason }).add();
  }

  /** A limit refused a request. */
  refusedRequest(reason: string): void {
    this.registry.counter("nagare_http_refused_total", REFUSED, { reason }).add();
  }

  end(exchange: ObservedExchange): void {
    this.#http.end(exchange);
  }

  /** In Prometheus' text format. A supervisor adds up its workers. */
  async text(): Promise<string> {
    const own = await this.#ownText();
    if (this.#context.workers === undefined) return own;
    const workers = (await this.#context.workers()).map(parseExposition);
    return formatExposition(mergeExpositions([parseExposition(own), ...workers], MERGES));
  }

  async #ownText(): Promise<string> {
    const { registry } = this;
    this.#process.update();
    updateOriginMetrics(registry, this.#context.status());
    registry.counter("nagare_access_log_dropped_lines_total", DROPPED_LINES).value = this.#context.droppedLines();
    if (this.#context.role !== "worker" && this.#udpPorts.size > 0) this.#updateUdp();
    return registry.text() + (await this.#programText());
  }

  async #programText(): Promise<string> {
    const text = (await this.#options.registry?.metrics()) ?? "";
    return text === "" || text.endsWith("\n") ? text : `${text}\n`;
  }

  #updateUdp(): void {
    let drops = 0;
    let queued = 0;
    for (const socket of ownUdpSockets(this.#udpPorts)) {
      drops += socket.dropped;
      queued += socket.queued;
    }
    this.registry.counter("nagare_udp_socket_drops_total", UDP_DROPS).value = drops;
    this.registry.gauge("nagare_udp_receive_queue_bytes", UDP_QUEUE).value = queued;
  }

  close(): void {
    this.#process.close();
  }
}
