/** A pool: spreads keys over backends by hash. A backend that is down keeps its keys, so that the others keep theirs. */

import type { Instant } from "../../base/time.ts";
import type { Backend } from "../backend/backend.ts";
import type { KeyFilter, KeyRange } from "../hash/filter.ts";
import { jumpHash } from "../hash/jump.ts";
import { ketamaHash, Ring, type RingMode } from "../hash/ring.ts";
import { type Hash64, xxh3 } from "../hash/xxh3.ts";
import { decodeKey } from "../protocol/base64-key.ts";
import type { Request } from "../protocol/request.ts";
import { BACKEND_FAILURE } from "../protocol/response.ts";
import type { ResponseSink, Route } from "./route.ts";

export interface PoolOptions {
  readonly distribution: "jump" | "ring";
  readonly hash: "xxhash" | "ketama";
  readonly ringMode: RingMode;
  readonly ringPoints: number;
  readonly filter: KeyFilter | undefined;
  /** The hash of the pool's seed. */
  readonly seed: Hash64;
  /** True if a meta key with the flag `b` is hashed as the bytes that it stands for. */
  readonly decodeKeys: boolean;
}

export class Pool implements Route {
  readonly name: string;
  readonly backends: readonly Backend[];
  readonly #options: PoolOptions;
  readonly #ring: Ring | undefined;
  readonly #hash: Hash64 = { high: 0, low: 0 };
  readonly #range: KeyRange = { start: 0, end: 0 };

  constructor(name: string, backends: readonly Backend[], options: PoolOptions) {
    this.name = name;
    this.backends = backends;
    this.#options = options;
    if (options.distribution === "ring") {
      const servers = backends.map(({ options: { host, port } }) => ({ host, port }));
      this.#ring = new Ring(servers, options.ringMode, options.ringPoints);
    }
  }

  start(request: Request, sink: ResponseSink, tag: number, now: Instant): void {
    const backend = this.backendOf(request);
    if (backend === undefined) sink.handleResponse(BACKEND_FAILURE, tag, now);
    else backend.start(request, sink, tag, now);
  }

  backendOf(request: Request): Backend | undefined {
    const { backends } = this;
    if (backends.length === 1) return backends[0];
    if (backends.length === 0) return undefined;
    const { filter, hash, seed, decodeKeys } = this.#options;
    let bytes = request.bytes;
    const range = this.#range;
    range.start = request.keyStart;
    range.end = request.keyEnd;
    if (decodeKeys && request.kind === "meta" && request.hasFlag("b")) {
      const decoded = decodeKey(bytes, range.start, range.end);
      if (decoded !== undefined) {
        bytes = decoded;
        range.start = 0;
        range.end = decoded.length;
      }
    }
    filter?.(bytes, range);
    const result = this.#hash;
    if (hash === "ketama") {
      result.high = 0;
      result.low = ketamaHash(bytes, range.start, range.end);
    } else xxh3(bytes, range.start, range.end, seed.high, seed.low, result);
    return backends[this.#ring === undefined ? jumpHash(result, backends.length) : this.#ring.serverOf(result.low)];
  }
}

/** The hash of a pool's seed text; 0 without one. */
export function seedHash(seed: Uint8Array | undefined): Hash64 {
  const result: Hash64 = { high: 0, low: 0 };
  if (seed !== undefined) xxh3(seed, 0, seed.length, 0, 0, result);
  return result;
}
