/** What routers said of the MTU towards destinations (RFC 1191, RFC 8201). */

import { after, type Instant, seconds } from "../base/time.ts";
import { addressKey } from "../wire/ip-address.ts";

/** RFC 1191 §6.3, RFC 8201 §4: after ten minutes, larger packets are tried again. */
const LIFETIME = seconds(600);
const MAX_DESTINATIONS = 1_024;
/** Lower values are attacks or misconfigured (RFC 8201 §4; for IPv4 as Linux's min_pmtu). */
const MINIMUM = { 4: 552, 6: 1_280 } as const;
/** RFC 1191 §7.1: plateaus for routers that do not say their MTU. */
const PLATEAUS = [32_000, 17_914, 8_166, 4_352, 2_002, 1_492, 1_006, 576, 552] as const;

export class PathMtu {
  readonly #learned = new Map<number | string, { readonly mtu: number; readonly until: Instant }>();

  get size(): number {
    return this.#learned.size;
  }

  /** The MTU towards the destination, at most that of the link. */
  get(destination: Uint8Array, linkMtu: number, now: Instant): number {
    if (this.#learned.size === 0) return linkMtu;
    const learned = this.#learned.get(addressKey(destination));
    return learned === undefined || learned.until <= now ? linkMtu : Math.min(linkMtu, learned.mtu);
  }

  /** A router dropped a packet of `sent` bytes. Returns the new MTU; undefined if it would not be smaller. */
  reduce(destination: Uint8Array, said: number, sent: number, now: Instant): number | undefined {
    const version = destination.length === 4 ? 4 : 6;
    const guess = said > 0 ? said : (PLATEAUS.find((plateau) => plateau < sent) ?? MINIMUM[version]);
    const mtu = Math.max(guess, MINIMUM[version]);
    if (mtu >= sent) return undefined;
    const key = addressKey(destination);
    this.#learned.delete(key);
    if (this.#learned.size >= MAX_DESTINATIONS) this.#learned.delete(this.#learned.keys().next().value!);
    this.#learned.set(key, { mtu, until: after(now, LIFETIME) });
    return mtu;
  }
}
