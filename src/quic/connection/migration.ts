/**
 * A server follows its client to another address (RFC 9000 §9), because NATs change the port of a flow without notice. The
 * newest authentic packet moves the connection. The new address is validated, and until then receives at most three times
 * what it sent. The old address is validated too, because an attacker on the path can resend a packet from elsewhere
 * (§9.3.3). If the new address does not respond, the connection returns to the last one that did.
 */

import { type SocketAddress, sameAddress } from "../../base/datagrams.ts";
import { earliest, type Instant, micros } from "../../base/time.ts";
import type { Frame } from "../frame/frames.ts";
import type { PathSpace } from "../path/index.ts";
import { type Route, RttEstimator } from "../route/index.ts";
import type { ConnectionParts } from "./parts.ts";
import type { PathFactory } from "./path-factory.ts";

/** New addresses in one batch; datagrams from further ones are dropped. */
const MAX_CANDIDATES = 4;

export class Migration {
  readonly #parts: ConnectionParts;
  readonly #factory: PathFactory;
  /** Routes of datagrams in the current batch that do not belong to the path yet. */
  readonly #candidates: Route[] = [];
  /** The last active route that was validated. */
  #fallback: Route | undefined;

  constructor(parts: ConnectionParts, factory: PathFactory) {
    this.#parts = parts;
    this.#factory = factory;
  }

  get hasCandidates(): boolean {
    return this.#candidates.length > 0;
  }

  /** A route for a datagram that matches none; undefined if the connection must not move. */
  candidate(path: PathSpace, local: SocketAddress, remote: SocketAddress): Route | undefined {
    const { role, handshake, closing, paths } = this.#parts;
    // RFC 9000 §9: servers do not migrate, and clients only after the handshake is confirmed.
    if (role === "client" || !handshake.isConfirmed || !closing.isOpen || path !== paths.primary) return undefined;
    for (const route of this.#candidates) {
      if (sameAddress(route.remote, remote) && (route.local === undefined || sameAddress(route.local, local)))
        return route;
    }
    if (this.#candidates.length >= MAX_CANDIDATES) return undefined;
    const route = this.#factory.makeRoute({ local, remote, validated: false });
    this.#candidates.push(route);
    return route;
  }

  forgetCandidates(): void {
    this.#candidates.length = 0;
  }

  /** An authentic packet that is not a duplicate arrived on this route. False if the path has too many routes. */
  admit({ routes }: PathSpace, route: Route, now: Instant): boolean {
    if (routes.all.includes(route)) return true;
    if (!routes.add(route)) return false;
    this.#challenge(route, now);
    return true;
  }

  /** RFC 9000 §9.3: the newest non-probing packet arrived on a route other than the active one. */
  follow({ routes, remoteIds }: PathSpace, route: Route, now: Instant): void {
    const previous = routes.active;
    // RFC 9000 §9.4: if only the port changed, the network path is most likely the same.
    if (!route.rtt.hasSample && route.remote.host === previous.remote.host) route.rtt.takeOver(previous.rtt);
    if (previous.isValidated) this.#fallback = previous;
    routes.activate(route);
    if (!route.isValidated && !route.challenges.isRunning) this.#challenge(route, now);
    // RFC 9000 §9.3.3.
    if (previous.isValidated) this.#challenge(previous, now);
    // RFC 9000 §9.5: a client that migrates on purpose switches to another id, and so must the server.
    if (route.destination !== previous.destination) remoteIds.replaceActive();
    this.#trace(route, now);
  }

  handlePathResponse(data: Uint8Array, now: Instant): void {
    for (const route of this.#parts.paths.primary.routes.all) {
      const answered = route.challenges.handleResponse(data);
      if (answered === undefined) continue;
      route.validate();
      // RFC 9000 §8.2.1: the address is validated, but not that the path carries 1200 bytes.
      if (!answered.isFullSize) this.#challenge(route, now);
      return;
    }
  }

  get deadline(): Instant | undefined {
    const { all } = this.#parts.paths.primary.routes;
    if (all.length === 1) return undefined;
    let next: Instant | undefined;
    for (const { challenges } of all) next = earliest(next, challenges.deadline);
    return next;
  }

  handleTimeout(now: Instant): void {
    const { routes } = this.#parts.paths.primary;
    if (routes.all.length === 1) return;
    for (const route of routes.all) {
      const hasFailed = route.challenges.handleTimeout(now);
      const fallback = this.#fallback;
      if (!hasFailed || route !== routes.active || route.isValidated || fallback === undefined) continue;
      // RFC 9000 §9.3.2.
      if (!routes.all.includes(fallback) && !routes.add(fallback)) continue;
      routes.activate(fallback);
      this.#trace(fallback, now);
    }
  }

  #challenge(route: Route, now: Instant): void {
    const { probeTimeout, maxAckDelay } = this.#parts.paths.primary.recovery;
    // RFC 9000 §8.2.4.
    const initial = micros(new RttEstimator().ptoBase() + maxAckDelay);
    route.challenges.begin(probeTimeout, micros(Math.max(probeTimeout, initial)), now);
  }

  #trace({ local, remote }: Route, now: Instant): void {
    this.#parts.stats.migrations += 1;
    this.#parts.trace?.({ type: "quic:migrated", local, remote }, now);
  }
}

/** RFC 9000 §9.1: a packet with only these frames is a probing packet. */
export const isProbing = ({ type }: Frame): boolean =>
  type === "path-challenge" || type === "path-response" || type === "new-connection-id" || type === "padding";
