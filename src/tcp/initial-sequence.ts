/** Initial sequence numbers and timestamp offsets nobody outside can predict (RFC 6528, RFC 7323 §5.4), and SYN cookies. */

import { type Rng, randomBytes } from "../base/rng.ts";
import type { Instant } from "../base/time.ts";
import { SipHash } from "../crypto/siphash.ts";

/** RFC 6528 §3: M ticks every 4 µs. */
const TICK = 4;
/** A cookie is valid for one to two of these periods. */
const COOKIE_PERIOD = 64_000_000;
const COOKIE_PERIODS = 2;
/** The segment sizes that a cookie can tell (3 bits). */
const COOKIE_MSS = [536, 1_220, 1_300, 1_400, 1_440, 1_460, 4_312, 8_960] as const;

export interface FlowEnds {
  readonly local: Uint8Array;
  readonly localPort: number;
  readonly remote: Uint8Array;
  readonly remotePort: number;
}

export class InitialSequences {
  readonly #hash: SipHash;
  readonly #cookieHash: SipHash;
  readonly #input = new Uint8Array(48);

  constructor(rng: Rng) {
    this.#hash = new SipHash(randomBytes(rng, 16));
    this.#cookieHash = new SipHash(randomBytes(rng, 16));
  }

  /** SHLD-1: ISN = M + F(local, remote, key). */
  next(flow: FlowEnds, now: Instant): number {
    this.#hash.update(this.#flowBytes(flow));
    return (Math.floor(now / TICK) + this.#hash.low) >>> 0;
  }

  /** What is added to a flow's timestamp clock. */
  timestampOffset(flow: FlowEnds): number {
    this.#hash.update(this.#flowBytes(flow));
    return this.#hash.high;
  }

  /** The ISN of a SYN-ACK that stores the flow's state: 5 bits of time, 3 of MSS, 24 of hash. */
  cookie(flow: FlowEnds, peerInitial: number, mss: number, now: Instant): number {
    const period = Math.floor(now / COOKIE_PERIOD);
    let index = COOKIE_MSS.length - 1;
    while (index > 0 && COOKIE_MSS[index]! > mss) index -= 1;
    return (((period & 0x1f) << 27) | (index << 24) | this.#cookieBits(flow, peerInitial, period, index)) >>> 0;
  }

  /** The MSS of a cookie that this host made recently; undefined for anything else. */
  checkCookie(flow: FlowEnds, peerInitial: number, cookie: number, now: Instant): number | undefined {
    const current = Math.floor(now / COOKIE_PERIOD);
    const index = (cookie >>> 24) & 7;
    for (let age = 0; age < COOKIE_PERIODS; age += 1) {
      const period = current - age;
      if ((period & 0x1f) !== cookie >>> 27) continue;
      if (this.#cookieBits(flow, peerInitial, period, index) === (cookie & 0xff_ffff)) return COOKIE_MSS[index];
    }
    return undefined;
  }

  #cookieBits(flow: FlowEnds, peerInitial: number, period: number, index: number): number {
    const bytes = this.#flowBytes(flow);
    new DataView(bytes.buffer).setUint32(36, peerInitial);
    new DataView(bytes.buffer).setUint32(40, period);
    bytes[44] = index;
    this.#cookieHash.update(bytes);
    return this.#cookieHash.low & 0xff_ffff;
  }

  #flowBytes({ local, localPort, remote, remotePort }: FlowEnds): Uint8Array<ArrayBuffer> {
    const bytes = this.#input as Uint8Array<ArrayBuffer>;
    bytes.fill(0);
    bytes.set(local);
    bytes.set(remote, 16);
    bytes.set([localPort >> 8, localPort & 0xff, remotePort >> 8, remotePort & 0xff], 32);
    return bytes;
  }
}
