/** What streams say of each other: ids in use, orders, and what depends on what. Remembers the last ones only. */

import type { StreamHeaders } from "./codec.ts";
import { BaseDraftError } from "./errors.ts";

/** Ids that are remembered after their streams ended. */
const MAX_KNOWN = 1_024;

interface Known {
  readonly order: number;
  readonly depends: readonly number[];
  isLive: boolean;
}

/** Checks the headers of each stream. */
export class Dependencies {
  readonly #known = new Map<number, Known>();

  /** Throws a `BaseDraftError` for an id that is in use, a cycle, or an order before that of what is needed. */
  begin({ id, order = 0, depends = [] }: StreamHeaders): void {
    if (id !== undefined && this.#known.get(id)?.isLive === true)
      throw new BaseDraftError("HEADERS", `id ${id} is in use`);
    for (const needed of depends) {
      const before = this.#known.get(needed);
      if (before !== undefined && order < before.order) {
        throw new BaseDraftError(
          "HEADERS",
          `an order of ${order}, before the ${before.order} of stream ${needed} that it needs`,
        );
      }
      if (id !== undefined && (needed === id || this.#needs(needed, id))) {
        throw new BaseDraftError("HEADERS", `streams ${id} and ${needed} need each other`);
      }
    }
    if (id === undefined) return;
    this.#known.delete(id);
    this.#known.set(id, { order, depends, isLive: true });
    const [oldest] = this.#known.keys();
    if (this.#known.size > MAX_KNOWN) this.#known.delete(oldest!);
  }

  /** The stream with this id is over. */
  end(id: number): void {
    const known = this.#known.get(id);
    if (known !== undefined) known.isLive = false;
  }

  /** True if `id` needs `other`, by any way. */
  #needs(id: number, other: number): boolean {
    const seen = new Set<number>();
    const open = [id];
    for (let next = open.pop(); next !== undefined; next = open.pop()) {
      if (next === other) return true;
      if (seen.has(next)) continue;
      seen.add(next);
      open.push(...(this.#known.get(next)?.depends ?? []));
    }
    return false;
  }
}
