/** The next one in a chain: the first of several that has not failed lately. */

import { after, type Instant, type Micros, seconds } from "../../base/time.ts";
import type { FlowSession } from "../session/session.ts";

/** Timeouts in a row without an answer after which a hop counts as failed. */
const SILENCE = 2;
/** How long a hop is avoided that has failed. */
const AVOID = seconds(5);

/** Begins a session with one of the next hops: 0 is the one to prefer. `path`: the relays passed so far, for the session's options. */
export type ConnectHop = (hop: number, path: readonly number[], now: Instant) => FlowSession;

/** Where to, and when to go elsewhere. */
export interface HopOptions {
  /** How many there are. The last one is usually the destination itself, so that it is reached even if all relays fail. */
  readonly hops: number;
  readonly connect: ConnectHop;
  /** Timeouts in a row without an answer after which a hop counts as failed; 2 by default. */
  readonly silence?: number | undefined;
  /** How long one that failed is avoided; 5 s by default. */
  readonly avoid?: Micros | undefined;
}

/** The sessions of one node with its next hops: one for each path that leads to it. */
export class Hops {
  readonly #options: HopOptions;
  readonly #avoidedUntil: (Instant | undefined)[];
  readonly #current = new Map<string, { readonly session: FlowSession; readonly hop: number }>();
  /** How often a hop failed. */
  failures = 0;

  constructor(options: HopOptions) {
    if (options.hops < 1) throw new RangeError("a chain needs a next hop");
    this.#options = options;
    this.#avoidedUntil = new Array(options.hops).fill(undefined);
  }

  /** The hop that the path goes to now; undefined if there is no session. */
  hopOf(path: readonly number[]): number | undefined {
    return this.#current.get(path.join())?.hop;
  }

  /** The session that goes on from this path. */
  acquire(path: readonly number[], now: Instant): FlowSession {
    const key = path.join();
    const current = this.#current.get(key);
    if (current !== undefined && current.session.closed === undefined) return current.session;
    const hop = this.#choose(now);
    const session = this.#options.connect(hop, path, now);
    this.#current.set(key, { session, hop });
    return session;
  }

  /** True if the session has failed: it is over, or no answer comes. It is not used again. */
  hasFailed(session: FlowSession): boolean {
    return session.closed !== undefined || session.silence >= (this.#options.silence ?? SILENCE);
  }

  /** Ends a session that is of no use any more; its hop is avoided for a while. */
  fail(session: FlowSession, now: Instant): void {
    session.close();
    for (const [key, current] of this.#current) {
      if (current.session !== session) continue;
      this.#current.delete(key);
      this.#avoidedUntil[current.hop] = after(now, this.#options.avoid ?? AVOID);
      this.failures += 1;
    }
  }

  /** Forgets a session that was not needed any more. */
  release(session: FlowSession): void {
    for (const [key, current] of this.#current) if (current.session === session) this.#current.delete(key);
  }

  #choose(now: Instant): number {
    let best = 0;
    let bestUntil = Number.POSITIVE_INFINITY;
    for (const [hop, until] of this.#avoidedUntil.entries()) {
      if (until === undefined || until <= now) return hop;
      if (until >= bestUntil) continue;
      best = hop;
      bestUntil = until;
    }
    return best;
  }
}
