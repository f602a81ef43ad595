/** Metrics of the origins behind a proxy, read from its status when somebody asks. */

import type { Registry } from "../../../host/metrics/registry.ts";

/** What a service knows about one of its origins. */
export interface OriginFacts {
  readonly origin: string;
  /** "up" if it gets requests; anything else if it does not. */
  readonly health: string;
  /** Requests in progress. */
  readonly active: number;
  /** Open connections. */
  readonly connections: number;
  /** Attempts so far. */
  readonly requests: number;
  /** Attempts without a usable response. */
  readonly failures: number;
}

/** What a service tells operators, as plain data. */
export interface ServiceStatus {
  readonly origins?: readonly OriginFacts[];
}

const METRICS = {
  nagare_origin_up: ["gauge", "1 if the origin gets requests."],
  nagare_origin_requests_in_flight: ["gauge", "Requests in progress at the origin."],
  nagare_origin_connections: ["gauge", "Open connections to the origin."],
  nagare_origin_requests_total: ["counter", "Requests sent to the origin, with retries."],
  nagare_origin_failures_total: ["counter", "Requests without a usable response of the origin."],
} as const;

type Name = keyof typeof METRICS;

export function declareOriginMetrics(registry: Registry): void {
  for (const [name, [type, help]] of Object.entries(METRICS)) registry.declare(name, help, type);
}

export function updateOriginMetrics(registry: Registry, { origins = [] }: ServiceStatus): void {
  const sums = new Map<string, OriginFacts>();
  // Several routes may have the same origin.
  for (const facts of origins) {
    const before = sums.get(facts.origin);
    sums.set(facts.origin, before === undefined ? facts : added(before, facts));
  }
  const set = (name: Name, origin: string, value: number): void => {
    const [type, help] = METRICS[name];
    registry[type](name, help, { origin }).value = value;
  };
  for (const { origin, health, active, connections, requests, failures } of sums.values()) {
    set("nagare_origin_up", origin, health === "up" ? 1 : 0);
    set("nagare_origin_requests_in_flight", origin, active);
    set("nagare_origin_connections", origin, connections);
    set("nagare_origin_requests_total", origin, requests);
    set("nagare_origin_failures_total", origin, failures);
  }
}

const added = (a: OriginFacts, b: OriginFacts): OriginFacts => ({
  origin: a.origin,
  health: a.health === "up" ? b.health : a.health,
  active: a.active + b.active,
  connections: a.connections + b.connections,
  requests: a.requests + b.requests,
  failures: a.failures + b.failures,
});
