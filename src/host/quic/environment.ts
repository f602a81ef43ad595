/** What a host provides to a QUIC endpoint: time, randomness, cryptography and sockets. */

import type { SocketAddress } from "../../base/datagrams.ts";
import type { Rng } from "../../base/rng.ts";
import type { CryptoEngine } from "../../crypto/engine.ts";
import { type HostClock, systemClock } from "../clock.ts";
import type { EngineChoice } from "../engine/choice.ts";
import { chooseEngine } from "../engine/engine.ts";
import { publishConnection } from "../qlog/channels.ts";
import { systemRng } from "../random.ts";
import type { UdpSocket } from "../udp/udp-socket.ts";
import { type TraceConnection, traceAll } from "./tracing.ts";

export interface QuicEnvironment {
  readonly clock: HostClock;
  readonly rng: Rng;
  loadEngine(): Promise<CryptoEngine>;
  /** `sendArenaSize` is the size of the arena for trains, in bytes. The socket chooses by default. */
  bind(port: number, host: string, sendArenaSize?: number): Promise<UdpSocket>;
  /** Opens a socket for one connection, which reports if the peer's port is unreachable. `local` is a host to bind. */
  connect?(peer: SocketAddress, sendArenaSize: number, local?: string): Promise<UdpSocket>;
  /** Listens to new connections. */
  readonly trace?: TraceConnection | undefined;
}

/** This process and its network. "auto" leaves the engine to NAGARE_ENGINE. */
export const systemEnvironmentWith = (engine: EngineChoice, trace?: TraceConnection): QuicEnvironment => ({
  clock: systemClock,
  rng: systemRng,
  loadEngine: async () => (await chooseEngine(engine)).crypto,
  bind: async (port, host, sendArenaSize) => (await chooseEngine(engine)).udp.bind(port, host, sendArenaSize),
  connect: async (peer, size, local) => (await chooseEngine(engine)).udp.connect(peer, size, local),
  trace: traceAll([trace, publishConnection]),
});

export const systemEnvironment: QuicEnvironment = systemEnvironmentWith("auto");
