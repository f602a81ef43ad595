/**
 * Path validation (RFC 9000 §8.2), and how a server follows its client to another address (§9): NATs change the port of a flow
 * without notice, and clients move (`active-migration.ts`). The
 * newest authentic packet moves the connection. The new address is validated, and until then receives at most three times
 * what it sent. The old address is validated too, because an attacker on the path can resend a packet from elsewhere
 * (§9.3.3). If the new address does not respond, the connection returns to the last one that did.
 */

import { type SocketAddress, sameAddress } from "../../base/datagrams.ts";
import { RateLimit } from "../../base/rate-limit.ts";
import { earliest, type Instant, micros } from "../../base/time.ts";
import type { Frame } from "../frame/frames.ts";
import type { PathSpace } from "../path/index.ts";
import { type Route, RttEstimator } from "../route/index.ts";
import {
  ActiveMigration,
  type ActiveMigrationHost,
  isSameNetworkPath,
  type MigrationRefusal,
} from "./active-migration.ts";
import type { ConnectionOptions } from "./options.ts";

/** New addresses in one batch; datagrams from further ones are dropped. */
const MAX_CANDIDATES = 4;
/** New addresses that are followed and challenged, so that a client cannot point a server at many victims. */
const MAX_NEW_ROUTES_PER_SECOND = 10;

export interface MigrationHost extends ActiveMigrationHost {
  readonly mayMove: ConnectionOptions["mayMove"];
}

export class Migration {
  readonly #parts: MigrationHost;
  /** Routes of datagrams in the current batch that do not belong to the path yet. */
  readonly #candidates: Route[] = [];
  /** The last active route that was validated. */
  #fallback: Route | undefined;
  readonly #newRoutes = new RateLimit(MAX_NEW_ROUTES_PER_SECOND);
  /** Client only, from its first move. */
  #move: ActiveMigration | undefined;
  /** Server only: the route that was active before, whose id is retired once the new one is validated. */
  #former: Route | undefined;

  constructor(parts: MigrationHost) {
    this.#parts = parts;
  }

  /** Client only: moves the connection once the route is validated. Returns a reason if that cannot start now. */
  begin(local: SocketAddress, remote: SocketAddress, now: Instant): MigrationRefusal | undefined {
    this.#move ??= new ActiveMigration(this.#parts);
    const route = this.#move.begin(local, remote);
    if (typeof route === "string") return route;
    this.#challenge(route, now);
    return undefined;
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
    const route = this.#parts.pathFactory.makeRoute({ local, remote, validated: false });
    this.#candidates.push(route);
    return route;
  }

  forgetCandidates(): void {
    this.#candidates.length = 0;
  }

  /**
   * An authentic packet that is not a duplicate arrived on this route. False if there were too many new routes, or if the
   * server does not admit clients from there.
   */
  admit({ routes, remoteIds }: PathSpace, route: Route, now: Instant): boolean {
    if (routes.all.includes(route)) return true;
    if (!this.#newRoutes.take(now)) return false;
    // Not before: the sender of a packet that is not authentic could otherwise make the server ask about any address.
    if (this.#parts.mayMove?.(route.remote, route.local!) === false) return false;
    routes.add(route, this.#fallback);
    remoteIds.releaseExcept(routes.all);
    this.#challenge(route, now);
    return true;
  }

  /** The destination of a packet on a new route is known: the peer must see another id there if we did (RFC 9000 §9.5). */
  addressed({ routes, remoteIds }: PathSpace, route: Route): void {
    if (route === routes.active || this.#parts.role === "client") return;
    if (route.destination !== routes.active.destination) remoteIds.bind(route);
    else remoteIds.release(route);
  }

  /** RFC 9000 §9.3: the newest non-probing packet arrived on a route other than the active one. */
  follow({ routes }: PathSpace, route: Route, now: Instant): void {
    const previous = routes.active;
    if (!route.rtt.hasSample && isSameNetworkPath(route, previous)) route.continueFrom(previous);
    if (previous.isValidated) this.#fallback = previous;
    this.#switch(route, now);
    if (!route.isValidated && !route.challenges.isRunning) this.#challenge(route, now);
    // RFC 9000 §9.3.3.
    if (previous.isValidated) this.#challenge(previous, now);
  }

  /** Sends on this route from now on. */
  #switch(route: Route, now: Instant): void {
    const { routes, remoteIds, recovery } = this.#parts.paths.primary;
    const previous = routes.active;
    if (this.#former !== undefined && this.#former !== route) remoteIds.release(this.#former);
    routes.activate(route);
    remoteIds.activate(route, previous);
    recovery.onRouteChanged(now);
    this.#former = previous;
    this.#parts.stats.migrations += 1;
    this.#parts.trace?.({ type: "quic:migrated", local: route.local, remote: route.remote }, now);
  }

  handlePathResponse(data: Uint8Array, now: Instant): void {
    for (const route of this.#parts.paths.primary.routes.all) {
      const answered = route.challenges.handleResponse(data);
      if (answered === undefined) continue;
      route.validate();
      const { local, remote } = route;
      this.#parts.trace?.({ type: "quic:path-validation", state: "succeeded", local, remote }, now);
      // RFC 9000 §8.2.1: the address is validated, but not that the path carries 1200 bytes.
      if (!answered.isFullSize) this.#challenge(route, now);
      else this.#move?.onValidated(route, now);
      this.#releaseFormer();
      return;
    }
  }

  /** Retires the former id once the client has shown that it receives on its new route. */
  #releaseFormer(): void {
    const { routes, remoteIds } = this.#parts.paths.primary;
    const former = this.#former;
    if (former === undefined || !routes.active.isValidated || former.challenges.isRunning) return;
    remoteIds.release(former);
    this.#former = undefined;
  }

  get deadline(): Instant | undefined {
    const { all } = this.#parts.paths.primary.routes;
    if (all.length === 1) return undefined;
    let next = this.#move?.deadline;
    for (const { challenges } of all) next = earliest(next, challenges.deadline);
    return next;
  }

  handleTimeout(now: Instant): void {
    const { routes, remoteIds } = this.#parts.paths.primary;
    if (routes.all.length === 1) return;
    this.#move?.handleTimeout(now);
    for (const route of routes.all) {
      const hasFailed = route.challenges.handleTimeout(now);
      if (hasFailed) this.#handleFailed(route, now);
      if (hasFailed && route !== routes.active) remoteIds.release(route);
      const fallback = this.#fallback;
      if (!hasFailed || route !== routes.active || route.isValidated || fallback === undefined) continue;
      // RFC 9000 §9.3.2.
      if (!routes.all.includes(fallback)) routes.add(fallback);
      this.#switch(fallback, now);
      remoteIds.release(route);
    }
    this.#releaseFormer();
  }

  #handleFailed(route: Route, now: Instant): void {
    const { local, remote } = route;
    this.#parts.trace?.({ type: "quic:path-validation", state: "failed", local, remote }, now);
    this.#move?.onFailed(route);
  }

  #challenge(route: Route, now: Instant): void {
    const { probeTimeout, maxAckDelay } = this.#parts.paths.primary.recovery;
    const { local, remote } = route;
    this.#parts.trace?.({ type: "quic:path-validation", state: "started", local, remote }, now);
    // RFC 9000 §8.2.4.
    const initial = micros(new RttEstimator().ptoBase() + maxAckDelay);
    route.challenges.begin(probeTimeout, micros(Math.max(probeTimeout, initial)), now);
  }
}

/** RFC 9000 §9.1: a packet with only these frames is a probing packet. */
export const isProbing = ({ type }: Frame): boolean =>
  type === "path-challenge" || type === "path-response" || type === "new-connection-id" || type === "padding";
