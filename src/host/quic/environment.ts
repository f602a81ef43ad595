/** What a host provides to a QUIC endpoint: time, randomness, cryptography and sockets. */

import type { SocketAddress } from "../../base/datagrams.ts";
import type { Rng } from "../../base/rng.ts";
import type { CryptoEngine } from "../../crypto/engine.ts";
import { type HostClock, systemClock } from "../clock.ts";
import { cryptoEngine } from "../engine.ts";
import { systemRng } from "../random.ts";
import { bindEveryAddress } from "../udp/every-address.ts";
import { bindPortableSocket, connectPortableSocket } from "../udp/portable-socket.ts";
import type { UdpSocket } from "../udp/udp-socket.ts";

export interface QuicEnvironment {
  readonly clock: HostClock;
  readonly rng: Rng;
  loadEngine(): Promise<CryptoEngine>;
  /** `sendArenaSize` is the size of the arena for trains, in bytes. The socket chooses by default. */
  bind(port: number, host: string, sendArenaSize?: number): Promise<UdpSocket>;
  /** Opens a socket for one connection, which reports if the peer's port is unreachable. */
  connect?(peer: SocketAddress, sendArenaSize: number): Promise<UdpSocket>;
}

/** This process and its network. */
export const systemEnvironment: QuicEnvironment = {
  clock: systemClock,
  rng: systemRng,
  loadEngine: cryptoEngine,
  bind: (port, host, sendArenaSize) =>
    host === "::" || host === "0.0.0.0" ? bindEveryAddress(port, host) : bindPortableSocket(port, host, sendArenaSize),
  connect: connectPortableSocket,
};
