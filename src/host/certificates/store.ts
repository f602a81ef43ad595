/** Which of several identities answers a client: by the name it asks for (SNI, RFC 6066 §3) and by what it can verify. */

import type { SignatureSchemeName } from "../../crypto/index.ts";
import { coversDnsName, formatAddressBytes, parseHost } from "./host-name.ts";
import type { Identity } from "./identity.ts";

export class CertificateStore {
  /** Identities by exact name; several when a name has, say, an RSA and an ECDSA certificate. */
  readonly #exact = new Map<string, Identity[]>();
  readonly #wildcards: { readonly pattern: string; readonly identity: Identity }[] = [];
  readonly #all: readonly Identity[];

  /** The first identity is the default: for clients that name no one, or someone unknown. */
  constructor(identities: readonly [Identity, ...Identity[]]) {
    this.#all = identities;
    for (const identity of identities) {
      for (const name of identity.names) {
        if (name.startsWith("*.")) this.#wildcards.push({ pattern: name, identity });
        else this.#exact.set(name, [...(this.#exact.get(name) ?? []), identity]);
      }
    }
  }

  /**
   * By exact name, then by wildcard, then the default; among those, the first that can sign what the client verifies.
   * Undefined when none of them can.
   */
  select(serverName: string | undefined, schemes: readonly SignatureSchemeName[]): Identity | undefined {
    const usable = ({ signer }: Identity): boolean => signer.schemes.some((scheme) => schemes.includes(scheme));
    return this.#candidates(serverName).find(usable);
  }

  /** The candidates of one rank only: an identity for another name is no substitute for one the client cannot verify. */
  #candidates(serverName: string | undefined): readonly Identity[] {
    if (serverName !== undefined) {
      const host = parseHost(serverName);
      const name = host.address === undefined ? host.name : formatAddressBytes(host.address);
      const exact = this.#exact.get(name);
      if (exact !== undefined) return exact;
      const wild = this.#wildcards.filter(({ pattern }) => coversDnsName(pattern, name));
      if (wild.length > 0) return wild.map(({ identity }) => identity);
    }
    return this.#all;
  }
}
