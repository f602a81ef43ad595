/**
 * A client moves its connection on purpose (RFC 9000 §9.2): from another address of its own, or to the server's preferred
 * address (§9.6). The new route is validated first, with a connection id of its own; the old one stays in use until then.
 */

import { type SocketAddress, sameAddress } from "../../base/datagrams.ts";
import { after, type Instant, type Micros } from "../../base/time.ts";
import type { Route } from "../route/index.ts";
import type { MigrationEvent } from "./options.ts";
import type { ConnectionParts } from "./parts.ts";
import type { PathFactory } from "./path-factory.ts";

/** Why a connection cannot move now. */
export type MigrationRefusal =
  /** RFC 9000 §9: the handshake is not confirmed. */
  | "not-confirmed"
  /** The server announced disable_active_migration. */
  | "disabled"
  /** The server has provided no connection id for another address. */
  | "no-connection-id"
  /** Another route is being validated. */
  | "in-progress"
  /** The connection uses this route already. */
  | "same-route"
  /** Too many routes have bytes in flight, or the connection has ended. */
  | "unavailable";

/** A route that was in use until the connection moved. */
interface FormerRoute {
  readonly route: Route;
  readonly until: Instant;
}

/** RFC 9000 §9.5, like §10.2: probe timeouts after which no packet of the old route is still on its way. */
const FORMER_WAIT = 3;

export interface ActiveMigrationHost extends ConnectionParts {
  readonly pathFactory: PathFactory;
  emit(event: MigrationEvent): void;
}

export class ActiveMigration {
  readonly #parts: ActiveMigrationHost;
  #target: Route | undefined;
  #former: FormerRoute | undefined;
  /** True once the connection uses the preferred address, for which disable_active_migration does not hold (§18.2). */
  #hasMovedServer = false;

  constructor(parts: ActiveMigrationHost) {
    this.#parts = parts;
  }

  /** Starts to validate a route; undefined if it has started. */
  begin(local: SocketAddress, remote: SocketAddress): Route | MigrationRefusal {
    const { role, handshake, closing, paths } = this.#parts;
    const { routes, remoteIds } = paths.primary;
    if (role === "server" || !closing.isOpen) return "unavailable";
    if (!handshake.isConfirmed) return "not-confirmed";
    const { active } = routes;
    const isSameServer = sameAddress(remote, active.remote);
    if (this.#parts.pathFactory.isMigrationDisabled && isSameServer && !this.#hasMovedServer) return "disabled";
    if (this.#target !== undefined) return "in-progress";
    const known = routes.find(local, remote);
    if (known === active && known.local !== undefined) return "same-route";
    // A server that the client contacts needs no protection from it: no limit on what is sent there.
    const route =
      known === undefined || known === active
        ? this.#parts.pathFactory.makeRoute({ local, remote, validated: true })
        : known;
    if (!remoteIds.bind(route)) return "no-connection-id";
    if (!routes.all.includes(route)) routes.add(route);
    remoteIds.releaseExcept(routes.all);
    this.#target = route;
    return route;
  }

  onValidated(route: Route, now: Instant): void {
    if (route !== this.#target) return;
    const path = this.#parts.paths.primary;
    const { routes, remoteIds, recovery } = path;
    const previous = routes.active;
    if (!sameAddress(route.remote, previous.remote)) this.#hasMovedServer = true;
    // Keeps the target, which may be the former route.
    this.#leaveFormer();
    this.#target = undefined;
    // A wildcard does not tell from which of its addresses the system sends.
    const isKnown = !WILDCARDS.includes(route.local?.host ?? "");
    if (isKnown && isSameNetworkPath(route, previous)) route.continueFrom(previous);
    routes.activate(route);
    remoteIds.activate(route, previous);
    recovery.onRouteChanged(now);
    // RFC 9000 §9.2: a non-probing packet tells the server to follow.
    path.pendingProbes = Math.max(1, path.pendingProbes);
    this.#former = { route: previous, until: after(now, (FORMER_WAIT * recovery.probeTimeout) as Micros) };
    this.#parts.stats.migrations += 1;
    this.#parts.trace?.({ type: "quic:migrated", local: route.local, remote: route.remote }, now);
    this.#report("migrated", route);
  }

  onFailed(route: Route): void {
    if (route !== this.#target) return;
    this.#target = undefined;
    this.#parts.paths.primary.remoteIds.release(route);
    this.#report("migration-failed", route);
  }

  #report(type: MigrationEvent["type"], { local, remote }: Route): void {
    this.#parts.emit({ type, local, remote });
  }

  get deadline(): Instant | undefined {
    return this.#former?.until;
  }

  handleTimeout(now: Instant): void {
    if (this.#former !== undefined && now >= this.#former.until) this.#leaveFormer();
  }

  #leaveFormer(): void {
    const former = this.#former;
    if (former === undefined) return;
    this.#former = undefined;
    const { routes, remoteIds } = this.#parts.paths.primary;
    // The connection may have returned to it.
    if (former.route === routes.active || former.route === this.#target) return;
    remoteIds.release(former.route);
    routes.remove(former.route);
    this.#report("route-abandoned", former.route);
  }
}

const WILDCARDS: readonly string[] = ["0.0.0.0", "::"];

/** RFC 9000 §9.4: if only ports differ, the network path is most likely the same. */
export function isSameNetworkPath(a: Route, b: Route): boolean {
  if (a.remote.host !== b.remote.host) return false;
  return a.local?.host === b.local?.host;
}
