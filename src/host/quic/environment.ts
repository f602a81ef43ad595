/** What a host provides to a QUIC endpoint: time, randomness, cryptography and sockets. */

import type { ReceivedBatch, SocketAddress } from "../../base/datagrams.ts";
import type { Rng } from "../../base/rng.ts";
import type { Instant } from "../../base/time.ts";
import type { CryptoEngine } from "../../crypto/engine.ts";
import type { ConnectionConfig, ConnectionIdGenerator } from "../../quic/index.ts";
import type { CertificateCompression } from "../../tls/index.ts";
import { certificateCompression } from "../certificates/compression.ts";
import { type HostClock, millisNow, systemClock } from "../clock.ts";
import type { EngineChoice } from "../engine/choice.ts";
import { chooseEngine } from "../engine/engine.ts";
import { publishConnection } from "../qlog/channels.ts";
import { systemRng } from "../random.ts";
import { InterfaceLimits } from "../udp/interface-limit.ts";
import type { UdpSocket } from "../udp/udp-socket.ts";
import { type TraceConnection, traceAll } from "./tracing.ts";

/** The other processes of a server. Each connection belongs to one of them, which its ids name. */
export interface Neighbours {
  readonly connectionIds: ConnectionIdGenerator;
  /** Passes on a datagram that belongs to no connection here. Returns true if another process takes it. */
  handOver(received: ReceivedBatch, index: number, now: Instant): boolean;
  /** Called with the datagrams that others pass on to this process. */
  onBatch: ((batch: ReceivedBatch) => void) | undefined;
}

export interface QuicEnvironment {
  readonly clock: HostClock;
  readonly rng: Rng;
  loadEngine(): Promise<CryptoEngine>;
  /** `sendArenaSize` is the size of the arena for trains, in bytes. The socket chooses by default. */
  bind(port: number, host: string, sendArenaSize?: number): Promise<UdpSocket>;
  /** Opens a socket for one connection, which reports if the peer's port is unreachable. `local` is a host to bind. */
  connect?(peer: SocketAddress, sendArenaSize: number, local?: string): Promise<UdpSocket>;
  /**
   * The largest datagram that the interface of an address takes, if known. Less is known about one whose datagrams may be
   * fragmented.
   */
  readonly interfaceLimit?:
    | ((local: SocketAddress | undefined, forbidsFragments: boolean) => number | undefined)
    | undefined;
  /** None where runs must not depend on the version of Node, whose compressed bytes differ. */
  readonly certificateCompression?: CertificateCompression | undefined;
  /** Other processes that serve the same addresses. */
  readonly neighbours?: Neighbours | undefined;
  /** Listens to new connections. */
  readonly trace?: TraceConnection | undefined;
}

const interfaceLimits = new InterfaceLimits();

/** This process and its network. "auto" leaves the engine to NAGARE_ENGINE. */
export const systemEnvironmentWith = (engine: EngineChoice, trace?: TraceConnection): QuicEnvironment => ({
  clock: systemClock,
  rng: systemRng,
  loadEngine: async () => (await chooseEngine(engine)).crypto,
  bind: async (port, host, sendArenaSize) => (await chooseEngine(engine)).udp.bind(port, host, sendArenaSize),
  connect: async (peer, size, local) => (await chooseEngine(engine)).udp.connect(peer, size, local),
  interfaceLimit: (local, forbidsFragments) => interfaceLimits.of(local, forbidsFragments, millisNow(systemClock)),
  certificateCompression,
  trace: traceAll([trace, publishConnection]),
});

export const systemEnvironment: QuicEnvironment = systemEnvironmentWith("auto");

/** What a socket and its interfaces can do, for an endpoint's configuration. */
export const pathFeatures = (
  { interfaceLimit }: QuicEnvironment,
  { capabilities: { ecn, df } }: UdpSocket,
): Pick<ConnectionConfig, "ecn" | "interfaceLimit"> => ({
  ecn,
  interfaceLimit: (local) => interfaceLimit?.(local, df),
});
