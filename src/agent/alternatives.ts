/** What origins offer besides TCP: Alt-Svc (RFC 7838), remembered for its ma, and where HTTP/3 failed. */

import { after, type Instant, type Micros, seconds } from "../base/time.ts";
import { type Alternative, parseAltSvc } from "../http/index.ts";

export type Http3Knowledge =
  | { readonly kind: "unknown" }
  | { readonly kind: "advertised"; readonly alternative: Alternative }
  | { readonly kind: "broken" };

interface Entry {
  alternative: Alternative | undefined;
  expires: Instant;
  brokenUntil: Instant;
  failures: number;
}

const BROKEN_FOR = seconds(5 * 60);
const MAX_BROKEN_FOR = seconds(48 * 3_600);
const LONG_AGO = Number.NEGATIVE_INFINITY as Instant;
const MAX_ORIGINS = 1_000;

export class Alternatives {
  readonly #entries = new Map<string, Entry>();

  http3(origin: string, now: Instant): Http3Knowledge {
    const entry = this.#entries.get(origin);
    if (entry === undefined) return { kind: "unknown" };
    if (entry.brokenUntil > now) return { kind: "broken" };
    if (entry.alternative !== undefined && entry.expires > now)
      return { kind: "advertised", alternative: entry.alternative };
    return { kind: "unknown" };
  }

  /** RFC 7838 §3: the newest field replaces everything known before. */
  advertised(origin: string, field: string, now: Instant): void {
    const entry = this.#entry(origin);
    entry.alternative = undefined;
    for (const { protocol, alternative, maxAge } of parseAltSvc(field)) {
      if (protocol !== "h3") continue;
      entry.alternative = alternative;
      entry.expires = after(now, seconds(maxAge));
      return;
    }
  }

  /** HTTP/3 failed: avoids it for five minutes, then for twice as long each time. */
  failed(origin: string, now: Instant): void {
    const entry = this.#entry(origin);
    entry.brokenUntil = after(now, Math.min(BROKEN_FOR * 2 ** entry.failures, MAX_BROKEN_FOR) as Micros);
    entry.failures += 1;
  }

  worked(origin: string): void {
    const entry = this.#entries.get(origin);
    if (entry === undefined) return;
    entry.brokenUntil = LONG_AGO;
    entry.failures = 0;
  }

  #entry(origin: string): Entry {
    const known = this.#entries.get(origin);
    if (known !== undefined) return known;
    if (this.#entries.size >= MAX_ORIGINS) this.#entries.delete(this.#entries.keys().next().value!);
    const entry: Entry = { alternative: undefined, expires: LONG_AGO, brokenUntil: LONG_AGO, failures: 0 };
    this.#entries.set(origin, entry);
    return entry;
  }
}
