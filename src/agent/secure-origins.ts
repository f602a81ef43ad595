/** The http origins whose HTTPS records say that they are only reached over TLS (RFC 9460 §9.5), while the records are fresh. */

import type { Instant } from "../base/time.ts";

/** Further origins displace those that were noted first. */
const MAX_ORIGINS = 1_000;

export class SecureOrigins {
  readonly #until = new Map<string, Instant>();

  /** Notes an origin, such as "http://example.com", until its records expire. */
  note(origin: string, until: Instant): void {
    this.#until.delete(origin);
    if (this.#until.size >= MAX_ORIGINS) this.#until.delete(this.#until.keys().next().value!);
    this.#until.set(origin, until);
  }

  isSecure(origin: string, now: Instant): boolean {
    const until = this.#until.get(origin);
    return until !== undefined && until > now;
  }

  /** The network has changed, and with it perhaps what its name servers say. */
  forget(): void {
    this.#until.clear();
  }
}
