/**
 * Metrics of QUIC connections and endpoints, from the events that qlog prints too (`quic/trace.ts`). Connections create
 * no events unless something asks for them. All labels have a small, fixed set of values.
 */

import type { CloseReason, EndpointTrace, EndpointTraceEvent } from "../../quic/index.ts";
import type { ConnectionTrace, ConnectionTraceEvent, TraceConnection } from "../quic/tracing.ts";
import { type Counter, type Histogram, type Labels, Registry } from "./registry.ts";

/** Seconds. */
const RTT = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5];
const HANDSHAKE = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
/** Bytes. */
const WINDOW = [2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1e6, 2.5e6, 5e6, 1e7];

type Role = "client" | "server";

/** Counters with a label beside the role, by the name between `nagare_quic_` and `_total`. */
const LABELLED = {
  packets_lost: "Packets declared lost.",
  packets_dropped: "Received packets that were dropped.",
  blocked: "Times that data had to wait.",
  streams_opened: "Streams opened.",
  datagrams: "Datagrams (RFC 9221) that the application wrote and read.",
  early_data: "Outcomes of offered 0-RTT data.",
  handshakes: "Complete handshakes.",
  connections_closed: "Connections that ended, by cause.",
  handshakes_failed: "Handshakes that failed, by cause.",
} as const;

/** Counters of endpoints, which have no role. */
const ENDPOINT = {
  endpoint_datagrams_dropped: "Datagrams dropped that belong to no connection.",
  stateless_replies: "Replies to datagrams that belong to no connection.",
} as const;

const metricName = (name: string): string => `nagare_quic_${name}_total`;

/** Counts what QUIC does, for `serve({ metrics })` and `createClient({ metrics })`. */
export class QuicMetrics {
  readonly #registry: Registry;
  readonly #meters = new Map<Role, RoleMeter>();
  /** For the environment of an endpoint. @internal */
  readonly trace: TraceConnection;

  /** A registry that has other metrics too, or one of its own. @internal */
  constructor(registry: Registry = new Registry()) {
    this.#registry = registry;
    for (const [name, help] of Object.entries({ ...LABELLED, ...ENDPOINT })) {
      registry.declare(metricName(name), help, "counter");
    }
    const connection = (_id: unknown, role: Role): ConnectionTrace => {
      const meter = new ConnectionMeter(this.#meter(role));
      return (event) => meter.handle(event);
    };
    const endpoint: EndpointTrace = (event) => this.#handleEndpoint(event);
    this.trace = Object.assign(connection, { endpoint });
  }

  /** The type of `text`, for the field content-type. */
  get contentType(): string {
    return Registry.contentType;
  }

  /** All metrics, in Prometheus' text format. */
  text(): string {
    return this.#registry.text();
  }

  #meter(role: Role): RoleMeter {
    let meter = this.#meters.get(role);
    if (meter === undefined) {
      meter = new RoleMeter(this.#registry, role);
      this.#meters.set(role, meter);
    }
    return meter;
  }

  #handleEndpoint(event: EndpointTraceEvent): void {
    if (event.type === "quic:endpoint-datagram-dropped") {
      this.#count("endpoint_datagrams_dropped", { cause: event.cause });
      return;
    }
    this.#count("stateless_replies", { reply: event.reply });
  }

  #count(name: keyof typeof ENDPOINT, labels: Labels): void {
    this.#registry.counter(metricName(name), ENDPOINT[name], labels).add();
  }
}

/** The metrics of all connections in which this side has one role. */
class RoleMeter {
  readonly #registry: Registry;
  readonly #role: Role;
  readonly started: Counter;
  readonly open: Counter;
  readonly handshakeSeconds: Histogram;
  readonly packetsSent: Counter;
  readonly packetsReceived: Counter;
  readonly bytesSent: Counter;
  readonly bytesReceived: Counter;
  readonly spuriousLosses: Counter;
  readonly probeTimeouts: Counter;
  readonly persistentCongestion: Counter;
  readonly migrations: Counter;
  readonly rtt: Histogram;
  readonly window: Histogram;

  constructor(registry: Registry, role: Role) {
    this.#registry = registry;
    this.#role = role;
    const counter = (name: string, help: string) => registry.counter(metricName(name), help, { role });
    this.started = counter("connections_started", "Connections that began.");
    this.open = registry.gauge("nagare_quic_connections", "Connections that exist now.", { role });
    this.packetsSent = counter("packets_sent", "Packets sent.");
    this.packetsReceived = counter("packets_received", "Packets received and decrypted, without duplicates.");
    this.bytesSent = counter("sent_bytes", "Bytes of the packets sent.");
    this.bytesReceived = counter("received_bytes", "Bytes of the packets received.");
    this.spuriousLosses = counter("spurious_losses", "Packets declared lost that arrived after all.");
    this.probeTimeouts = counter("probe_timeouts", "Probe timeouts (PTO) that expired.");
    this.persistentCongestion = counter("persistent_congestion", "Times that persistent congestion was established.");
    this.migrations = counter("migrations", "Times that a connection moved to other addresses.");
    const histogram = (name: string, help: string, bounds: readonly number[]) =>
      registry.histogram(`nagare_quic_${name}`, help, bounds, { role });
    this.handshakeSeconds = histogram(
      "handshake_seconds",
      "Time from the first packet to the handshake's end.",
      HANDSHAKE,
    );
    this.rtt = histogram("rtt_seconds", "The latest round-trip time, at each acknowledgement.", RTT);
    this.window = histogram("congestion_window_bytes", "The congestion window, at each acknowledgement.", WINDOW);
  }

  /** Counts one more of a metric with a label beside the role. */
  count(name: keyof typeof LABELLED, label: string, value: string): void {
    this.#registry.counter(metricName(name), LABELLED[name], { role: this.#role, [label]: value }).add();
  }
}

class ConnectionMeter {
  readonly #meter: RoleMeter;
  #isComplete = false;

  constructor(meter: RoleMeter) {
    this.#meter = meter;
  }

  handle(event: ConnectionTraceEvent): void {
    const meter = this.#meter;
    switch (event.type) {
      case "quic:packet-sent":
        meter.packetsSent.add();
        meter.bytesSent.add(event.size);
        break;
      case "quic:packet-received":
        meter.packetsReceived.add();
        meter.bytesReceived.add(event.size);
        break;
      case "quic:packet-lost":
        meter.count("packets_lost", "cause", event.cause);
        break;
      case "quic:packet-dropped":
        meter.count("packets_dropped", "cause", event.cause);
        break;
      case "quic:datagram-dropped":
        meter.count("packets_dropped", "cause", "other-address");
        break;
      case "quic:recovery-metrics-updated":
        meter.rtt.observe(event.latestRtt / 1e6);
        meter.window.observe(event.congestionWindow);
        break;
      case "quic:spurious-loss":
        meter.spuriousLosses.add();
        break;
      case "quic:probe-timeout":
        meter.probeTimeouts.add();
        break;
      case "quic:persistent-congestion":
        meter.persistentCongestion.add();
        break;
      case "quic:connection-data-blocked-updated":
        if (event.reason === undefined) break;
        meter.count("blocked", "reason", event.reason);
        break;
      case "quic:migrated":
        meter.migrations.add();
        break;
      case "quic:stream-opened":
        meter.count("streams_opened", "initiator", event.isLocal ? "local" : "remote");
        break;
      case "quic:datagram-data-moved":
        meter.count("datagrams", "direction", event.direction);
        break;
      case "quic:early-data":
        meter.count("early_data", "outcome", event.accepted ? "accepted" : "rejected");
        break;
      case "quic:connection-started":
        meter.started.add();
        meter.open.add();
        break;
      case "quic:negotiated":
        this.#isComplete = true;
        meter.count("handshakes", "kind", event.resumed ? "resumed" : "full");
        meter.handshakeSeconds.observe(event.duration / 1e6);
        break;
      case "quic:connection-closed":
        this.#closed(event.reason);
        break;
      case "quic:connection-freed":
        meter.open.add(-1);
        break;
    }
  }

  #closed(reason: CloseReason): void {
    const cause = "layer" in reason ? `${reason.type}-${reason.layer}` : reason.type;
    this.#meter.count("connections_closed", "cause", cause);
    if (!this.#isComplete) this.#meter.count("handshakes_failed", "cause", cause);
  }
}
