/** Finds the site of a host name. */

export class SiteTable<Site> {
  readonly #exact = new Map<string, Site>();
  /** By the name after "*.". */
  readonly #wildcards = new Map<string, Site>();
  readonly #fallback: Site | undefined;

  constructor(sites: Iterable<readonly [name: string, site: Site]>) {
    for (const [name, site] of sites) {
      if (name === "*") this.#fallback = site;
      else if (name.startsWith("*.")) this.#wildcards.set(name.slice(2), site);
      else this.#exact.set(name, site);
    }
  }

  /** `authority` is a host with an optional port, as a client sent it. */
  find(authority: string): Site | undefined {
    const host = hostOf(authority);
    return this.#exact.get(host) ?? this.#wildcards.get(host.slice(host.indexOf(".") + 1)) ?? this.#fallback;
  }
}

/** Without the port and a final dot, in lower case (RFC 9110 §4.2.3). */
function hostOf(authority: string): string {
  const port = authority.lastIndexOf(":");
  const host = port > authority.lastIndexOf("]") ? authority.slice(0, port) : authority;
  return (host.endsWith(".") ? host.slice(0, -1) : host).toLowerCase();
}
