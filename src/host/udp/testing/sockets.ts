/** Helpers for tests of sockets: trains, and a record of what a socket receives. */

import { setImmediate } from "node:timers/promises";
import { vi } from "vitest";
import { Ecn, type SocketAddress, type Transmit } from "../../../base/datagrams.ts";
import type { UdpSocket } from "../udp-socket.ts";

export interface Arrived {
  readonly bytes: Uint8Array;
  readonly local: SocketAddress;
  readonly remote: SocketAddress;
  readonly ecn: Ecn;
}

/** Records everything that the socket delivers from now on. */
export function record(socket: UdpSocket): Arrived[] {
  const arrived: Arrived[] = [];
  socket.onBatch = ({ count, arena, offset, length, local, remote, ecn }) => {
    for (let i = 0; i < count; i += 1) {
      const bytes = arena.slice(offset[i]!, offset[i]! + length[i]!);
      arrived.push({ bytes, local: local[i]!, remote: remote[i]!, ecn: ecn[i] as Ecn });
    }
  };
  return arrived;
}

export const texts = (arrived: readonly Arrived[]): string[] =>
  arrived.map(({ bytes }) => Buffer.from(bytes).toString());

/** Writes datagrams to the socket's arena. All must have the size of the first, except a shorter last one. */
export function write(
  socket: UdpSocket,
  remote: SocketAddress,
  datagrams: readonly (Uint8Array | string)[],
  options: { readonly ecn?: Ecn; readonly local?: SocketAddress } = {},
): Transmit {
  const all = datagrams.map((each) => (typeof each === "string" ? Buffer.from(each) : each));
  const bytes = Buffer.concat(all);
  socket.slots.arena.set(bytes);
  const { ecn = Ecn.notEct, local } = options;
  return { local, remote, ecn, segmentSize: all[0]!.length, count: all.length, length: bytes.length };
}

export const send = (...args: Parameters<typeof write>): number => args[0].send(write(...args));

export const until = (condition: () => boolean): Promise<boolean> =>
  vi.waitUntil(condition, { timeout: 10_000, interval: 1 }) as Promise<boolean>;

/** Waits for a few turns of the event loop. */
export async function turns(count = 5): Promise<void> {
  for (let i = 0; i < count; i += 1) await setImmediate();
}

export const loopback = (port: number, host = "127.0.0.1"): SocketAddress => ({
  family: host.includes(":") ? 6 : 4,
  host,
  port,
});
