/**
 * Ring distribution in the variants of memcached's proxy: Ketama's points (MD5), with the server names of libketama,
 * twemproxy or EVCache, or points by XXH3. A key belongs to the first point at or after its hash.
 */

import { md5 } from "@noble/hashes/legacy.js";
import { type Hash64, xxh3 } from "./xxh3.ts";

export type RingMode = "default" | "ketama" | "twemproxy" | "evcache";

export interface RingServer {
  readonly host: string;
  readonly port: string;
}

/** Points per server, memcached's default. */
export const RING_POINTS = 160;

export class Ring {
  readonly #points: Uint32Array;
  readonly #servers: Uint32Array;

  constructor(servers: readonly RingServer[], mode: RingMode, pointsPerServer: number = RING_POINTS) {
    const points = servers.flatMap((server, index) =>
      pointsOf(server, mode, pointsPerServer).map((point) => [point, index] as const),
    );
    points.sort((a, b) => a[0] - b[0] || a[1] - b[1]);
    this.#points = Uint32Array.from(points, ([point]) => point);
    this.#servers = Uint32Array.from(points, ([, server]) => server);
  }

  /** The index of the server that owns this 32-bit hash. */
  serverOf(hash: number): number {
    const points = this.#points;
    let first = 0;
    let count = points.length;
    while (count > 0) {
      const half = count >> 1;
      if (points[first + half]! < hash) {
        first += half + 1;
        count -= half + 1;
      } else count = half;
    }
    return this.#servers[first === points.length ? 0 : first]!;
  }
}

/** The key hash of Ketama: the first four bytes of MD5 as a little-endian number. */
export function ketamaHash(bytes: Uint8Array, start: number, end: number): number {
  return littleEndian(md5(bytes.subarray(start, end)), 0);
}

function pointsOf(server: RingServer, mode: RingMode, count: number): number[] {
  const name = nameOf(server, mode);
  if (mode === "default") {
    const hash: Hash64 = { high: 0, low: 0 };
    return Array.from({ length: count }, (_, k) => {
      const bytes = encode(`${name}-${k}`);
      xxh3(bytes, 0, bytes.length, 0, 0, hash);
      return hash.low;
    });
  }
  return Array.from({ length: Math.floor(count / 4) }, (_, k) => {
    const digest = md5(encode(`${name}-${k}`));
    return [0, 4, 8, 12].map((at) => littleEndian(digest, at));
  }).flat();
}

function nameOf({ host, port }: RingServer, mode: RingMode): string {
  if (mode === "twemproxy" && port === "11211") return host;
  return mode === "evcache" ? `${host}/${host}:${port}` : `${host}:${port}`;
}

const encode = (text: string): Uint8Array => Uint8Array.from(text, (character) => character.charCodeAt(0) & 0xff);

const littleEndian = (bytes: Uint8Array, at: number): number =>
  (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)) >>> 0;
