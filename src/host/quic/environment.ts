/** What a host gives to a QUIC endpoint: time, chance, cryptography and sockets. */

import type { Rng } from "../../base/rng.ts";
import type { CryptoEngine } from "../../crypto/engine.ts";
import { type HostClock, systemClock } from "../clock.ts";
import { cryptoEngine } from "../engine.ts";
import { systemRng } from "../random.ts";
import { bindPortableSocket } from "../udp/portable-socket.ts";
import type { UdpSocket } from "../udp/udp-socket.ts";

export interface QuicEnvironment {
  readonly clock: HostClock;
  readonly rng: Rng;
  loadEngine(): Promise<CryptoEngine>;
  /** `sendArenaSize` is for the trains that are sent at once; as the socket likes by default. */
  bind(port: number, host: string, sendArenaSize?: number): Promise<UdpSocket>;
}

/** This process and its network. */
export const systemEnvironment: QuicEnvironment = {
  clock: systemClock,
  rng: systemRng,
  loadEngine: cryptoEngine,
  bind: bindPortableSocket,
};
