/** The origins behind a proxy, and which one is next. */
import type { Origin } from "./origin.ts";
import type { Policy } from "./policies.ts";

export class Origins {
  readonly all: readonly Origin[];
  readonly #policy: Policy;

  constructor(origins: readonly Origin[], policy: Policy) {
    this.all = origins;
    this.#policy = policy;
  }

  /**
   * Returns the origin for a request, other than those tried before. Skips origins that are down unless there is no other:
   * then it is the one that has been down for longest. Undefined if all were tried.
   */
  choose(tried: ReadonlySet<Origin>, key: string, now: number): Origin | undefined {
    const others = tried.size === 0 ? this.all : this.all.filter((origin) => !tried.has(origin));
    if (others.length <= 1) return others[0];
    const admitting = others.filter(({ health }) => health.admits(now));
    if (admitting.length > 0) return this.#policy(admitting, key);
    return others.reduce((best, other) => (other.health.downUntil < best.health.downUntil ? other : best));
  }

  async close(): Promise<void> {
    await Promise.all(this.all.map((origin) => origin.close()));
  }
}
