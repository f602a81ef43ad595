/** Raw long headers to a listening server and to a client that waits for a response. */

import { Chance } from "../chance.ts";
import { type KnownIds, longHeaderPacket } from "../long-headers.ts";
import type { Session, Target } from "../session.ts";
import { Victim } from "../victim.ts";

class LongHeadersSession implements Session {
  readonly #chance: Chance;
  readonly #victim: Victim;
  readonly #known: KnownIds;
  readonly #isServer: boolean;

  constructor(seed: number) {
    const chance = new Chance(seed);
    this.#chance = chance;
    this.#isServer = chance.oneIn(2);
    const retry = chance.pick(["always", "never", "auto"] as const);
    const policy = { retry, retryAbove: 8, refuseAbove: 16 };
    const role = this.#isServer ? "client" : "server";
    this.#victim = new Victim(chance, { role, mute: true, policy });
    const { peer } = this.#victim;
    peer.poll();
    const original = peer.originalDestination;
    const destinations = this.#isServer ? [peer.destination, chance.exactBytes(8)] : [peer.destination];
    const sources = original === undefined ? [peer.id] : [peer.id, original];
    this.#known = { destinations, sources, original };
  }

  /** A server keeps listening, whatever happens to its connections. */
  get outcome(): string | undefined {
    return this.#isServer ? undefined : this.#victim.outcome;
  }

  end(): void {
    this.#victim.end();
  }

  step(): void {
    const { peer } = this.#victim;
    peer.deliver(longHeaderPacket(this.#chance, this.#known));
    this.#victim.settle();
  }
}

export const longHeaders: Target = { name: "long-headers", start: (seed) => new LongHeadersSession(seed) };
