/** The clients that visit sites. */

import type { Transport } from "../../agent/index.ts";
import type { Run } from "../experiment.ts";
import { ourVisit } from "./our-visit.ts";
import { serialVisit } from "./serial-visit.ts";
import type { Site, Visit } from "./world.ts";

export const CLIENTS = ["v3", "v2", "serial"] as const;
export type ClientName = (typeof CLIENTS)[number];

export const CLIENT = {
  title: "client",
  labels: { v3: "version 3", v2: "version 2", serial: "Node's autoSelectFamily (rules)" },
};

/** Milliseconds; the defaults of RFC 8305 §8, and of Node. */
export const RESOLUTION_DELAY = 50;
export const ATTEMPT_DELAY = 250;

/** Milliseconds after which a visit has failed. */
export const LIMIT = 10_000;

/** With `transports`, version 3 also tries QUIC. */
export function visitBy(
  client: ClientName,
  site: Site,
  { seed }: Run,
  limit = LIMIT,
  transports: readonly Transport[] = ["tcp"],
): Visit {
  if (client === "serial") return serialVisit(site, ATTEMPT_DELAY, limit);
  const version = client === "v3" ? 3 : 2;
  const delays = { resolutionDelay: RESOLUTION_DELAY, attemptDelay: ATTEMPT_DELAY };
  return ourVisit(site, { version, ...delays, seed, limit, transports });
}

export const familyOf = (address: string): "IPv6" | "IPv4" => (address.includes(":") ? "IPv6" : "IPv4");
