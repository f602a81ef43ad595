/** The site of a request, as a label: only names that this server knows, because clients choose the requested host. */

import { siteOf } from "../access-log/record.ts";

/** Different sites in the metrics; requests of further ones count as "other". */
const MAX_SITES = 1_000;
const OTHER = "other";

export class SiteNames {
  readonly #names: () => readonly string[];
  #exact: ReadonlySet<string> = new Set();
  /** The domains of wildcards: "example.com" for "*.example.com". */
  #wildcards: ReadonlySet<string> = new Set();
  #read: readonly string[] | undefined;

  /** `names` returns the known names, including wildcards; the same array while nothing has changed. */
  constructor(names: () => readonly string[]) {
    this.#names = names;
  }

  /** The name that covers an authority; "other" for an unknown one. */
  of(authority: string): string {
    this.#update();
    const site = siteOf(authority);
    if (this.#exact.has(site)) return site;
    const domain = site.slice(site.indexOf(".") + 1);
    return this.#wildcards.has(domain) && site.includes(".") ? `*.${domain}` : OTHER;
  }

  #update(): void {
    const names = this.#names();
    if (names === this.#read) return;
    this.#read = names;
    const known = names.slice(0, MAX_SITES);
    // An IPv6 address is in brackets in an authority.
    this.#exact = new Set(
      known.filter((name) => !name.startsWith("*.")).map((name) => (name.includes(":") ? `[${name}]` : name)),
    );
    this.#wildcards = new Set(known.filter((name) => name.startsWith("*.")).map((name) => name.slice(2)));
  }
}
