/** Creates the paths and routes of a connection from the endpoint's configuration. */

import type { SocketAddress } from "../../base/datagrams.ts";
import type { Micros } from "../../base/time.ts";
import { AckTracker } from "../acks/index.ts";
import type { ConnectionId } from "../packet/connection-id.ts";
import { PacketNumberSpace } from "../packet/number-space.ts";
import type { TransportParameters } from "../params/index.ts";
import { type IssuedConnectionId, LocalIds, PathSpace, Paths, RemoteIds } from "../path/index.ts";
import { type HandshakeProgress, LossRecovery, SendSpace, SkippedNumbers } from "../recovery/index.ts";
import { ETHERNET_PAYLOAD, Route, Routes } from "../route/index.ts";
import type { QuicTrace } from "../trace.ts";
import type { ConnectionConfig } from "./config.ts";
import type { HandshakeSpaces } from "./handshake-spaces.ts";
import type { ConnectionHost, ConnectionOptions } from "./options.ts";

export interface RouteAddresses {
  readonly local: SocketAddress | undefined;
  readonly remote: SocketAddress;
  /** True if the peer has shown that it receives at `remote`. */
  readonly validated: boolean;
}

/** A path other than the primary one. */
export interface PathOptions {
  readonly id: number;
  readonly route: RouteAddresses;
  /** Our first id for it. */
  readonly source: IssuedConnectionId;
  /** The peer's first id for it. */
  readonly destinationId: ConnectionId;
}

/** What the paths of a connection have in common. */
export interface PathFactoryHost {
  readonly role: "client" | "server";
  readonly config: ConnectionConfig;
  readonly host: ConnectionHost;
  readonly trace: QuicTrace | undefined;
  readonly spaces: HandshakeSpaces;
  readonly handshake: HandshakeProgress;
}

export class PathFactory {
  readonly #parts: PathFactoryHost;
  /** The peer's max_udp_payload_size, and our own limit; no route probes for more. */
  #maxUdpPayload: number;
  /** The peer's max_ack_delay, once known. */
  #maxAckDelay: Micros | undefined;
  /** The server's disable_active_migration (RFC 9000 §18.2). */
  isMigrationDisabled = false;

  constructor(parts: PathFactoryHost) {
    this.#parts = parts;
    this.#maxUdpPayload = parts.config.maxDatagramSize ?? Number.POSITIVE_INFINITY;
  }

  /** The path of the handshake, whose recovery also covers the Initial and Handshake spaces. */
  primary(options: ConnectionOptions): Paths {
    const { role, local, remote, isAddressValidated, sourceId, sourceResetToken, destinationId } = options;
    const { initial, handshake } = this.#parts.spaces;
    const path = this.#make(
      {
        id: 0,
        route: { local, remote, validated: role === "client" || isAddressValidated },
        source: { id: sourceId, resetToken: sourceResetToken },
        destinationId,
      },
      [initial?.sent, handshake?.sent],
    );
    path.remoteIds.listener = this.#parts.host;
    return new Paths(path);
  }

  open(options: PathOptions): PathSpace {
    return this.#make(options, [undefined, undefined]);
  }

  #make(options: PathOptions, handshakeSpaces: readonly (SendSpace | undefined)[]): PathSpace {
    const { role, config, host, handshake, trace } = this.#parts;
    const { application } = PacketNumberSpace;
    const routes = new Routes(this.makeRoute(options.route));
    const recovery = new LossRecovery({
      role,
      routes,
      handshake,
      pathId: options.id,
      trace,
      spaces: [...handshakeSpaces, new SendSpace(application, new SkippedNumbers(config.rng))],
    });
    if (this.#maxAckDelay !== undefined) recovery.maxAckDelay = this.#maxAckDelay;
    return new PathSpace({
      id: options.id,
      acks: new AckTracker(application, config),
      recovery,
      routes,
      localIds: new LocalIds(host, options.source),
      remoteIds: new RemoteIds(options.destinationId, config.limits.activeConnectionIdLimit),
    });
  }

  addRoute(path: PathSpace, addresses: RouteAddresses): Route {
    const route = this.makeRoute(addresses);
    path.routes.add(route);
    return route;
  }

  makeRoute(addresses: RouteAddresses): Route {
    const { timerGrain, ecn, congestionControl, rng, maxDatagramSize, interfaceLimit } = this.#parts.config;
    const ceiling = maxDatagramSize ?? interfaceLimit(addresses.local) ?? ETHERNET_PAYLOAD;
    const maxUdpPayload = Math.min(ceiling, this.#maxUdpPayload);
    return new Route({ ...addresses, timerGrain, ecn, congestionControl, rng, maxUdpPayload });
  }

  /** Applies the peer's parameters to all paths and routes, including later ones (RFC 9000 §18.2). */
  applyPeerParameters(
    paths: Paths,
    { maxUdpPayloadSize, maxAckDelay, disableActiveMigration }: TransportParameters,
  ): void {
    this.isMigrationDisabled = disableActiveMigration;
    this.#maxUdpPayload = Math.min(this.#maxUdpPayload, maxUdpPayloadSize);
    this.#maxAckDelay = maxAckDelay;
    for (const { recovery, routes } of paths.all) {
      recovery.maxAckDelay = maxAckDelay;
      for (const route of routes.all) route.mtu.limit(maxUdpPayloadSize);
    }
  }
}
