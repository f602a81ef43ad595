/**
 * A server follows its client to another address (RFC 9000 §9): NATs give an old flow a new port, and do not say so. Whatever is
 * authentic and newer than all else moves the connection; the new address is validated, and gets three times what came
 * from it until it is. The old one is asked too, since anybody on the way can send a copy of a packet from elsewhere
 * (§9.3.3). An address that does not answer is left for the last one that did.
 */

import { type SocketAddress, sameAddress } from "../../base/datagrams.ts";
import { earliest, type Instant, micros } from "../../base/time.ts";
import type { Frame } from "../frame/frames.ts";
import type { PathSpace } from "../path/index.ts";
import { type Route, RttEstimator } from "../route/index.ts";
import type { ConnectionParts } from "./parts.ts";
import type { PathFactory } from "./path-factory.ts";

/** New addresses within one batch; datagrams from more are dropped. */
const MAX_CANDIDATES = 4;

export class Migration {
  readonly #parts: ConnectionParts;
  readonly #factory: PathFactory;
  /** Routes that datagrams of the running batch came by and that are none of the path's yet. */
  readonly #candidates: Route[] = [];
  /** The last active route at which the peer has shown that it receives. */
  #fallback: Route | undefined;

  constructor(parts: ConnectionParts, factory: PathFactory) {
    this.#parts = parts;
    this.#factory = factory;
  }

  get hasCandidates(): boolean {
    return this.#candidates.length > 0;
  }

  /** A route for a datagram that came by none; undefined where the connection stays where it is. */
  candidate(path: PathSpace, local: SocketAddress, remote: SocketAddress): Route | undefined {
    const { role, handshake, closing, paths } = this.#parts;
    // RFC 9000 §9: servers do not move on their own, and nobody does before the handshake is confirmed.
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

  /** An authentic packet, no copy of another, came by this route. False: there is no room for one more. */
  admit({ routes }: PathSpace, route: Route, now: Instant): boolean {
    if (routes.all.includes(route)) return true;
    if (!routes.add(route)) return false;
    this.#challenge(route, now);
    return true;
  }

  /** RFC 9000 §9.3: the newest packet that does more than probe came by a route that is not the active one. */
  follow({ routes, remoteIds }: PathSpace, route: Route, now: Instant): void {
    const previous = routes.active;
    // RFC 9000 §9.4: where only the port changes it is most likely the same way through the network.
    if (!route.rtt.hasSample && route.remote.host === previous.remote.host) route.rtt.takeOver(previous.rtt);
    if (previous.isValidated) this.#fallback = previous;
    routes.activate(route);
    if (!route.isValidated && !route.challenges.isRunning) this.#challenge(route, now);
    // RFC 9000 §9.3.3.
    if (previous.isValidated) this.#challenge(previous, now);
    // RFC 9000 §9.5: a client that moves on purpose uses another id, and so does its server; one behind a NAT knows of nothing.
    if (route.destination !== previous.destination) remoteIds.replaceActive();
    this.#trace(route, now);
  }

  handlePathResponse(data: Uint8Array, now: Instant): void {
    for (const route of this.#parts.paths.primary.routes.all) {
      const answered = route.challenges.handleResponse(data);
      if (answered === undefined) continue;
      route.validate();
      // RFC 9000 §8.2.1: the address is known; that the way carries 1200 bytes is not.
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

/** RFC 9000 §9.1: a packet of such frames alone only asks whether a path works. */
export const isProbing = ({ type }: Frame): boolean =>
  type === "path-challenge" || type === "path-response" || type === "new-connection-id" || type === "padding";
