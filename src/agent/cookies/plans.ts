/**
 * The answers to recent requests without a context, which are most of what a program asks: the same URL gets the same cookies until
 * one of the site's cookies changes or expires.
 */

import type { CookieContext, Target } from "./context.ts";
import type { Cookie } from "./cookie.ts";
import type { Group, StoredCookie } from "./index-tree.ts";
import { cookieString } from "./serialize.ts";

export interface Plan {
  readonly found: readonly StoredCookie[];
  readonly cookies: readonly Cookie[];
  readonly text: string;
}

interface KeptPlan extends Plan {
  readonly group: Group;
  readonly version: number;
  /** The time at which the first of the site's cookies expires. */
  readonly until: number;
}

const MAX_PLANS = 1_000;

/** True if the request is one of a program, or a person's: same-site, and in its own partition. */
export const isPlain = ({ topLevel, frames, initiator, kind, script }: CookieContext): boolean =>
  topLevel === undefined &&
  frames === undefined &&
  initiator === undefined &&
  (kind === undefined || kind === "top-level") &&
  script !== true;

export class Plans {
  readonly #plans = new Map<string, KeptPlan>();

  get({ scheme, host, path }: Target, now: number): Plan | undefined {
    const plan = this.#plans.get(`${scheme} ${host} ${path}`);
    return plan !== undefined && plan.version === plan.group.version && now < plan.until ? plan : undefined;
  }

  add({ scheme, host, path }: Target, found: readonly StoredCookie[], group: Group): Plan {
    let until = Number.POSITIVE_INFINITY;
    for (const list of group.domains.values()) {
      for (const { cookie } of list) if (cookie.expires !== undefined && cookie.expires < until) until = cookie.expires;
    }
    const cookies = found.map(({ cookie }) => cookie);
    const plan = { found, cookies, text: cookieString(cookies), group, version: group.version, until };
    if (this.#plans.size >= MAX_PLANS) this.#plans.clear();
    this.#plans.set(`${scheme} ${host} ${path}`, plan);
    return plan;
  }
}
