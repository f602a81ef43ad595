/** What origins offer besides TCP: Alt-Svc (RFC 7838), remembered for its ma, and where HTTP/3 failed. */

import { after, type Instant, type Micros, seconds } from "../base/time.ts";
import { type Alternative, parseAltSvc } from "../http/index.ts";

export type Http3Knowledge =
  | { readonly kind: "unknown" }
  | {
      readonly kind: "advertised";
      readonly alternative: Alternative;
      /** The QUIC versions that it speaks, the best first; empty if it names none. */
      readonly quicv: readonly number[];
    }
  | { readonly kind: "broken" };

/** What was advertised for HTTP/3, until when. */
interface Advertised {
  readonly quicv: readonly number[];
  readonly alternative: Alternative;
  readonly expires: Instant;
  readonly persists: boolean;
}

interface Entry {
  /** In the server's order. */
  advertised: readonly Advertised[];
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
    const fresh = entry.advertised.find(({ expires }) => expires > now);
    if (fresh === undefined) return { kind: "unknown" };
    return { kind: "advertised", alternative: fresh.alternative, quicv: fresh.quicv };
  }

  /**
   * RFC 7838 §3: the newest field replaces everything known before. `age` is that of the response (RFC 9111 §5.1), in
   * seconds: the lifetime began when it was generated.
   */
  advertised(origin: string, field: string, now: Instant, age = 0): void {
    this.#entry(origin).advertised = parseAltSvc(field)
      .filter(({ protocol }) => protocol === "h3")
      .map(({ alternative, maxAge, persists, quicVersions }) => ({
        alternative,
        quicv: quicVersions,
        expires: after(now, seconds(maxAge - age)),
        persists,
      }));
  }

  /** RFC 7838 §6: the alternative is not authoritative for the origin (421), and is forgotten. */
  misdirected(origin: string, { host, port }: Alternative): void {
    const entry = this.#entries.get(origin);
    if (entry === undefined) return;
    entry.advertised = entry.advertised.filter(
      (each) => each.alternative.host !== host || each.alternative.port !== port,
    );
  }

  /** RFC 7838 §2.2: on another network, only alternatives that persist remain, and what was broken may work. */
  networkChanged(): void {
    for (const entry of this.#entries.values()) {
      entry.advertised = entry.advertised.filter(({ persists }) => persists);
      entry.brokenUntil = LONG_AGO;
      entry.failures = 0;
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
    const entry: Entry = { advertised: [], brokenUntil: LONG_AGO, failures: 0 };
    this.#entries.set(origin, entry);
    return entry;
  }
}
