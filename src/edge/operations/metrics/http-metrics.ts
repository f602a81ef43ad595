/** Metrics of requests, by site and version of HTTP. No label has a value that a client can choose. */

import type { HttpVersion } from "../../../host/http/exchange.ts";
import type { Counter, Histogram, Registry } from "../../../host/metrics/registry.ts";
import type { ObservedExchange } from "../observed-exchange.ts";
import type { SiteNames } from "./site-names.ts";

/** Seconds. */
const DURATION = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

/** RFC 9110 §9.1 and RFC 5789; any other method is "other". */
const METHODS = new Set(["GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"]);

const VERSIONS: readonly HttpVersion[] = ["h3", "h2", "http/1.1"];

/** The metrics of one site over one version. */
interface SiteMeter {
  readonly seconds: Histogram;
  readonly firstByteSeconds: Histogram;
  readonly received: Counter;
  readonly sent: Counter;
  /** By class of status: "2xx", and "none" without a response. */
  readonly requests: Map<string, Counter>;
}

export class HttpMetrics {
  readonly #registry: Registry;
  readonly #sites: SiteNames;
  readonly #inFlight: ReadonlyMap<HttpVersion, Counter>;
  readonly #meters = new Map<string, SiteMeter>();
  readonly #responses = new Map<string, Counter>();

  constructor(registry: Registry, sites: SiteNames) {
    this.#registry = registry;
    this.#sites = sites;
    const help = "Requests in progress.";
    this.#inFlight = new Map(
      VERSIONS.map((protocol) => [protocol, registry.gauge("nagare_http_requests_in_flight", help, { protocol })]),
    );
    registry.declare("nagare_http_requests_total", REQUESTS, "counter");
    registry.declare("nagare_http_responses_total", RESPONSES, "counter");
    registry.declare("nagare_deprecated_requests_total", DEPRECATED, "counter");
    registry.declare("nagare_http_aborted_total", ABORTED, "counter");
    registry.declare("nagare_http_request_seconds", SECONDS, "histogram");
    registry.declare("nagare_http_first_byte_seconds", FIRST_BYTE, "histogram");
    registry.declare("nagare_http_received_bytes_total", RECEIVED, "counter");
    registry.declare("nagare_http_sent_bytes_total", SENT, "counter");
  }

  begin({ protocol }: ObservedExchange): void {
    this.#inFlight.get(protocol)!.add();
  }

  end(exchange: ObservedExchange): void {
    const { protocol, status, method, firstByteMilliseconds } = exchange;
    this.#inFlight.get(protocol)!.add(-1);
    const site = this.#sites.of(exchange.authority);
    const meter = this.#meterOf(site, protocol);
    meter.seconds.observe(exchange.milliseconds / 1000);
    if (firstByteMilliseconds !== undefined) meter.firstByteSeconds.observe(firstByteMilliseconds / 1000);
    meter.received.add(exchange.receivedBytes);
    meter.sent.add(exchange.sentBytes);
    const kind = status === undefined ? "none" : `${Math.floor(status / 100)}xx`;
    let requests = meter.requests.get(kind);
    if (requests === undefined) {
      requests = this.#registry.counter("nagare_http_requests_total", REQUESTS, { site, protocol, status: kind });
      meter.requests.set(kind, requests);
    }
    requests.add();
    this.#countResponse(METHODS.has(method) ? method : "other", status);
    const state = exchange.deprecation;
    if (state !== undefined)
      this.#registry.counter("nagare_deprecated_requests_total", DEPRECATED, { site, state }).add();
    if (exchange.aborted !== undefined)
      this.#registry.counter("nagare_http_aborted_total", ABORTED, { protocol }).add();
  }

  #countResponse(method: string, status: number | undefined): void {
    const key = `${method} ${status}`;
    let counter = this.#responses.get(key);
    if (counter === undefined) {
      const labels = { method, status: status === undefined ? "none" : String(status) };
      counter = this.#registry.counter("nagare_http_responses_total", RESPONSES, labels);
      this.#responses.set(key, counter);
    }
    counter.add();
  }

  #meterOf(site: string, protocol: HttpVersion): SiteMeter {
    const key = `${protocol} ${site}`;
    let meter = this.#meters.get(key);
    if (meter === undefined) {
      const labels = { site, protocol };
      const registry = this.#registry;
      meter = {
        seconds: registry.histogram("nagare_http_request_seconds", SECONDS, DURATION, labels),
        firstByteSeconds: registry.histogram("nagare_http_first_byte_seconds", FIRST_BYTE, DURATION, labels),
        received: registry.counter("nagare_http_received_bytes_total", RECEIVED, labels),
        sent: registry.counter("nagare_http_sent_bytes_total", SENT, labels),
        requests: new Map(),
      };
      this.#meters.set(key, meter);
    }
    return meter;
  }
}

const REQUESTS = "Requests that have ended, by site, version and class of status.";
const RESPONSES = "Requests that have ended, by method and status.";
const DEPRECATED =
  "Requests to what is announced to end, deprecated, past its sunset, or gone, as the fields of the responses say.";
const ABORTED = "Requests that the client or the server aborted.";
const SECONDS = "Time from a request's head to the end of its response.";
const FIRST_BYTE = "Time from a request's head to the response's.";
const RECEIVED = "Bytes of requests' content that were read.";
const SENT = "Bytes of responses' content.";
