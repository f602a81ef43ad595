/**
 * What origins offer besides TCP: Alt-Svc (RFC 7838), remembered for its ma, and where HTTP/3 failed. Alternatives over other protocols
 * than HTTP/3 are kept for those who save them, and not followed.
 */

import { after, type Instant, type Micros, seconds, since } from "../base/time.ts";
import { type Alternative, type HttpVersion, parseAltSvc } from "../http/index.ts";

export type Http3Knowledge =
  | { readonly kind: "unknown" }
  | {
      readonly kind: "advertised";
      readonly alternative: Alternative;
      /** The QUIC versions that it speaks, the best first; empty if it names none. */
      readonly quicv: readonly number[];
    }
  | { readonly kind: "broken" };

/** What was advertised, until when. */
interface Advertised {
  /** Of the alternative, as ALPN. */
  readonly protocol: string;
  readonly learnedOver: HttpVersion;
  readonly quicv: readonly number[];
  readonly alternative: Alternative;
  readonly expires: Instant;
  readonly persists: boolean;
}

/** Where HTTP/3 was tried: a host, "" for the origin's own, and a port. */
export type Http3Place = Pick<Alternative, "host" | "port">;

/** One alternative of an origin, and how long it is still fresh. */
export interface KnownAlternative extends Omit<Advertised, "expires" | "quicv"> {
  /** Scheme, host and port. */
  readonly origin: string;
  readonly remaining: Micros;
}

interface Broken {
  until: Instant;
  failures: number;
}

interface Entry {
  /** In the server's order. */
  advertised: readonly Advertised[];
  /** By place: another place may work where one does not. */
  readonly broken: Map<string, Broken>;
}

const BROKEN_FOR = seconds(5 * 60);
const MAX_BROKEN_FOR = seconds(48 * 3_600);
const LONG_AGO = Number.NEGATIVE_INFINITY as Instant;
const MAX_ORIGINS = 1_000;
/** Places of one origin at which HTTP/3 has failed. A server that names one dead place after another is not followed further. */
const MAX_BROKEN = 4;

/** Alternatives of one origin. */
const MAX_KEPT = 32;

const keyOf = ({ host, port }: Http3Place): string => `${host}:${port}`;

export class Alternatives {
  readonly #entries = new Map<string, Entry>();

  /** What is known of the origin, whose own port is that of `own`. */
  http3(origin: string, own: Http3Place, now: Instant): Http3Knowledge {
    const entry = this.#entries.get(origin);
    if (entry === undefined) return { kind: "unknown" };
    const isBroken = (place: Http3Place): boolean => (entry.broken.get(keyOf(place))?.until ?? LONG_AGO) > now;
    const isFresh = ({ protocol, alternative, expires }: Advertised): boolean =>
      protocol === "h3" && expires > now && !isBroken(alternative);
    const fresh = this.#hasGivenUp(entry, now) ? undefined : entry.advertised.find(isFresh);
    if (fresh !== undefined) return { kind: "advertised", alternative: fresh.alternative, quicv: fresh.quicv };
    // What the origin names is all there is; without it, its own port may speak HTTP/3.
    const hasNamed = entry.advertised.some(({ protocol, expires }) => protocol === "h3" && expires > now);
    return { kind: hasNamed || isBroken(own) ? "broken" : "unknown" };
  }

  #hasGivenUp({ broken }: Entry, now: Instant): boolean {
    let count = 0;
    for (const { until } of broken.values()) if (until > now) count += 1;
    return count >= MAX_BROKEN;
  }

  /**
   * RFC 7838 §3: the newest field replaces everything known before. `age` is that of the response (RFC 9111 §5.1), in
   * seconds: the lifetime began when it was generated.
   */
  advertised(origin: string, field: string, now: Instant, age = 0, learnedOver: HttpVersion = "h2"): void {
    this.#entry(origin).advertised = parseAltSvc(field).map(
      ({ protocol, alternative, maxAge, persists, quicVersions }) => ({
        protocol,
        learnedOver,
        alternative,
        quicv: quicVersions,
        expires: after(now, seconds(maxAge - age)),
        persists,
      }),
    );
  }

  /** What is fresh, in the servers' order, for those who keep it. */
  entries(now: Instant): KnownAlternative[] {
    return [...this.#entries].flatMap(([origin, { advertised }]) =>
      advertised
        .filter(({ expires }) => expires > now)
        .map(({ expires, quicv: _, ...each }) => ({ ...each, origin, remaining: since(now, expires) })),
    );
  }

  /** Adds what was kept, after what is known of the origin. Beyond 32 for one origin, it is ignored. */
  add({ origin, remaining, ...kept }: KnownAlternative, now: Instant): void {
    const entry = this.#entry(origin);
    const fresh = entry.advertised.filter(({ expires }) => expires > now);
    if (remaining <= 0 || fresh.length >= MAX_KEPT) return;
    entry.advertised = [...fresh, { ...kept, quicv: [], expires: after(now, remaining) }];
  }

  /** Forgets what the origin advertised: its cookies are cleared, too (RFC 7838 §9.5). */
  forget(origin: string): void {
    const entry = this.#entries.get(origin);
    if (entry !== undefined) entry.advertised = [];
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
      entry.broken.clear();
    }
  }

  /** HTTP/3 failed at a place: avoids it for five minutes, then for twice as long each time. */
  failed(origin: string, place: Http3Place, now: Instant): void {
    const { broken } = this.#entry(origin);
    const key = keyOf(place);
    const failures = broken.get(key)?.failures ?? 0;
    const until = after(now, Math.min(BROKEN_FOR * 2 ** failures, MAX_BROKEN_FOR) as Micros);
    broken.delete(key);
    broken.set(key, { until, failures: failures + 1 });
    if (broken.size > MAX_BROKEN) broken.delete(broken.keys().next().value!);
  }

  worked(origin: string, place: Http3Place): void {
    this.#entries.get(origin)?.broken.delete(keyOf(place));
  }

  #entry(origin: string): Entry {
    const known = this.#entries.get(origin);
    if (known !== undefined) return known;
    if (this.#entries.size >= MAX_ORIGINS) this.#entries.delete(this.#entries.keys().next().value!);
    const entry: Entry = { advertised: [], broken: new Map() };
    this.#entries.set(origin, entry);
    return entry;
  }
}
