/** Who calls what is deprecated: counts by route and caller, within bounds. */

/** Callers of one route; the rest is counted together. */
const DEFAULT_MAX_CALLERS = 1_000;
/** Characters of a caller's name. */
const MAX_NAME = 128;

/** A state that a response announces. */
export type DeprecationState = "announced" | "deprecated" | "sunset" | "gone";

/** One request to something deprecated. */
export interface DeprecatedUse {
  readonly site: string;
  /** The route's path pattern, or the path if no route says so. */
  readonly route: string;
  readonly state: DeprecationState;
  /** The client's address, as far as the report may hold it. */
  readonly address: string;
  readonly userAgent: string | undefined;
  /** The caller's own name, if a field has it. */
  readonly caller: string | undefined;
}

/** A line of the report: how often one caller used one route. */
export interface DeprecatedUsage extends DeprecatedUse {
  readonly requests: number;
  /** ISO 8601, of the first and the last request. */
  readonly first: string;
  readonly last: string;
}

interface Tally {
  readonly use: DeprecatedUse;
  readonly first: number;
  last: number;
  requests: number;
}

/** What stands for the callers beyond the limit. */
const OTHERS = { route: "(other)", address: "", userAgent: undefined, caller: "(other)" };

export class DeprecatedUses {
  readonly #maximum: number;
  readonly #tallies = new Map<string, Tally>();

  constructor(maxCallers: number = DEFAULT_MAX_CALLERS) {
    this.#maximum = maxCallers;
  }

  /** `now` is in milliseconds since 1970. */
  note(given: DeprecatedUse, now: number): void {
    const use = { ...given, route: clip(given.route), userAgent: clip(given.userAgent), caller: clip(given.caller) };
    const tally = this.#tallies.get(keyOf(use)) ?? this.#add(use, now);
    tally.requests += 1;
    tally.last = now;
  }

  #add(use: DeprecatedUse, now: number): Tally {
    const kept =
      this.#tallies.size < this.#maximum ? use : { ...use, ...OTHERS, site: "", state: "deprecated" as const };
    const known = this.#tallies.get(keyOf(kept));
    if (known !== undefined) return known;
    const tally: Tally = { use: kept, first: now, last: now, requests: 0 };
    this.#tallies.set(keyOf(kept), tally);
    return tally;
  }

  /** Takes what was noted since the last call: the most frequent callers first. */
  take(): DeprecatedUsage[] {
    const tallies = [...this.#tallies.values()].sort((a, b) => b.requests - a.requests);
    this.#tallies.clear();
    return tallies.map(({ use, requests, first, last }) => ({
      ...use,
      requests,
      first: new Date(first).toISOString(),
      last: new Date(last).toISOString(),
    }));
  }
}

const keyOf = ({ site, route, state, address, userAgent, caller }: DeprecatedUse): string =>
  JSON.stringify([site, route, state, address, userAgent, caller]);

const clip = <Text extends string | undefined>(text: Text): Text => text?.slice(0, MAX_NAME) as Text;
