/** The listener for `/metrics`, `/healthz` and `/readyz`. */

import type { Fault } from "../../host/guard.ts";
import { Registry } from "../../host/metrics/registry.ts";
import { StatusListener } from "../../host/metrics/status-listener.ts";

/** Where the pages are served, over plain HTTP. */
export interface StatusPlace {
  readonly host: string;
  readonly port: number;
}

export interface StatusFacts {
  /** Metrics in Prometheus' text format. */
  text(): string | Promise<string>;
  isReady(): boolean;
}

/** Rejects with a `ServeError` if the port cannot be used. */
export const openStatusPages = (
  place: StatusPlace,
  facts: StatusFacts,
  onFault: (fault: Fault) => void,
): Promise<StatusListener> =>
  StatusListener.open(
    place,
    {
      "/metrics": async () => ({ status: 200, type: Registry.contentType, text: await facts.text() }),
      "/healthz": () => ({ status: 200, text: "alive\n" }),
      "/readyz": () => (facts.isReady() ? { status: 200, text: "ready\n" } : { status: 503, text: "not ready\n" }),
    },
    onFault,
  );
