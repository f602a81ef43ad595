/** Keys of flows and ports, free ports, and the segment size of a path. */

import type { Rng } from "../base/rng.ts";
import type { PathInfo } from "../ip/index.ts";
import { addressKey } from "../wire/ip-address.ts";
import type { FlowEnds } from "./initial-sequence.ts";
import { TCP_HEADER } from "./segment.ts";

/** RFC 6335 §6. */
const FIRST_EPHEMERAL = 49_152;
const EPHEMERAL_PORTS = 65_536 - FIRST_EPHEMERAL;

export const portKey = (version: 4 | 6, port: number): number => version * 65_536 + port;

export const flowKey = ({ local, localPort, remote, remotePort }: FlowEnds): string =>
  `${addressKey(remote)}:${remotePort}:${localPort}:${addressKey(local)}`;

/** RFC 6056 §3.3.1: random, then the next free one. */
export function findPort(rng: Rng, isFree: (port: number) => boolean): number | undefined {
  const start = rng.uint32() % EPHEMERAL_PORTS;
  for (let i = 0; i < EPHEMERAL_PORTS; i += 1) {
    const port = FIRST_EPHEMERAL + ((start + i) % EPHEMERAL_PORTS);
    if (isFree(port)) return port;
  }
  return undefined;
}

/** MUST-67: what the MTU leaves for a segment's payload. */
export const mssOf = (path: PathInfo | undefined, remote: Uint8Array): number => {
  const header = (remote.length === 4 ? 20 : 40) + TCP_HEADER;
  return (path?.mtu ?? (remote.length === 4 ? 576 : 1_280)) - header;
};
