/** Metrics of connections and of TLS over TCP. QUIC's own are in `host/metrics/quic-metrics.ts`. */

import type { Counter, Histogram, Registry } from "../../../host/metrics/registry.ts";

/** Seconds. */
const HANDSHAKE = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15];

const CONNECTIONS = "Open connections.";
const STARTED = "Connections that were opened.";
const REFUSED = "Attempts to connect that were refused because their client had too many connections.";
const HANDSHAKES = "Complete TLS handshakes over TCP.";
const FAILED = "TLS handshakes over TCP that failed, by cause.";
const SECONDS = "Time from a TCP connection to the end of its TLS handshake.";

export class ConnectionMetrics {
  readonly #registry: Registry;
  readonly #open: Readonly<Record<"tcp" | "udp", Counter>>;
  readonly #started: Readonly<Record<"tcp" | "udp", Counter>>;
  readonly #refused: Counter;
  readonly #handshakes: Counter;
  readonly #seconds: Histogram;

  constructor(registry: Registry) {
    this.#registry = registry;
    const both = (create: (transport: string) => Counter) => ({ tcp: create("tcp"), udp: create("udp") });
    this.#open = both((transport) => registry.gauge("nagare_connections", CONNECTIONS, { transport }));
    this.#started = both((transport) => registry.counter("nagare_connections_total", STARTED, { transport }));
    this.#refused = registry.counter("nagare_connections_refused_total", REFUSED);
    this.#handshakes = registry.counter("nagare_tls_handshakes_total", HANDSHAKES);
    this.#seconds = registry.histogram("nagare_tls_handshake_seconds", SECONDS, HANDSHAKE);
    registry.declare("nagare_tls_handshakes_failed_total", FAILED, "counter");
  }

  /** Returns what to call when the connection has closed. */
  opened(transport: "tcp" | "udp"): () => void {
    this.#started[transport].add();
    this.#open[transport].add();
    return () => this.#open[transport].add(-1);
  }

  /** An attempt was refused because its client has too many connections. */
  refused(): void {
    this.#refused.add();
  }

  secured(milliseconds: number): void {
    this.#handshakes.add();
    this.#seconds.observe(milliseconds / 1000);
  }

  failed(error: Error): void {
    this.#registry.counter("nagare_tls_handshakes_failed_total", FAILED, { cause: tlsCause(error) }).add();
  }
}

const CAUSES: readonly (readonly [RegExp, string])[] = [
  [/HANDSHAKE_TIMEOUT/, "timeout"],
  [/^ECONNRESET|^EPIPE|^ERR_STREAM/, "disconnected"],
  [/HTTP_REQUEST/, "plain-http"],
  [/NO_APPLICATION_PROTOCOL/, "no-shared-protocol"],
  // The client refuses, mostly because it does not trust the certificate.
  [/ALERT/, "client-alert"],
  [/NO_SHARED|NO_SUITABLE|UNSUPPORTED_(?:ELLIPTIC|GROUP)/, "no-shared-algorithm"],
  [/VERSION|UNSUPPORTED_PROTOCOL/, "version"],
  [/CERT/, "client-certificate"],
];

/** A small set of causes for the codes of Node and OpenSSL. */
export function tlsCause(error: Error & { readonly code?: unknown }): string {
  const code = String(error.code ?? "");
  return CAUSES.find(([pattern]) => pattern.test(code))?.[1] ?? "other";
}
