/** The hosts that are only reached over TLS (RFC 6797 §8). */

import { ipVersion } from "../../wire/ip-address.ts";
import { parseTransportPolicy } from "./field.ts";

/** A host that asked for TLS, with or without those below it. */
export interface HstsEntry {
  readonly host: string;
  /** Milliseconds since 1970; Infinity for ever. */
  readonly expires: number;
  readonly includesSubdomains: boolean;
}

/** Further hosts displace the ones that were noted first. */
const MAX_HOSTS = 10_000;

/** Remembers which hosts have asked for TLS. Times are in milliseconds since 1970. */
export class HstsStore {
  readonly #entries = new Map<string, HstsEntry>();

  /** Those that have not expired. */
  entries(now: number): HstsEntry[] {
    return [...this.#entries.values()].filter(({ expires }) => expires > now);
  }

  /** Adds or replaces an entry. */
  add(entry: HstsEntry): void {
    const host = canonical(entry.host);
    if (host === undefined) return;
    this.#entries.delete(host);
    if (this.#entries.size >= MAX_HOSTS) this.#entries.delete(this.#entries.keys().next().value!);
    this.#entries.set(host, { ...entry, host });
  }

  /**
   * Notes the fields of a response over TLS whose certificate was accepted. Only the first Strict-Transport-Security counts (RFC
   * 6797 §8.1).
   */
  note(host: string, fields: Iterable<readonly [name: string, value: string]>, now: number): void {
    for (const [name, value] of fields) {
      if (name.toLowerCase() !== "strict-transport-security") continue;
      const policy = parseTransportPolicy(value);
      if (policy === undefined) return;
      const { maxAge, includesSubdomains } = policy;
      if (maxAge > 0) this.add({ host, expires: now + maxAge * 1_000, includesSubdomains });
      // RFC 6797 §6.1.1: 0 means to forget.
      else this.#entries.delete(canonical(host) ?? "");
      return;
    }
  }

  /** True if the host, or one above it for all below, has asked for TLS (RFC 6797 §8.2). */
  isSecure(host: string, now: number): boolean {
    const labels = canonical(host)?.split(".") ?? [];
    return labels.some((_, i) => {
      const entry = this.#entries.get(labels.slice(i).join("."));
      return entry !== undefined && entry.expires > now && (i === 0 || entry.includesSubdomains);
    });
  }
}

/** RFC 6797 §8.1.1: addresses have no policy. */
function canonical(host: string): string | undefined {
  const bare = host.toLowerCase().replace(/\.$/, "");
  return bare === "" || bare.startsWith("[") || ipVersion(bare) !== undefined ? undefined : bare;
}
