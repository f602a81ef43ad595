/** Selects an identity by the requested name (SNI, RFC 6066 §3) and by the signature schemes that the client supports. */

import type { SignatureSchemeName } from "../../crypto/index.ts";
import { coversDnsName, formatAddressBytes, parseHost } from "./host-name.ts";
import type { Identity } from "./identity.ts";

export class CertificateStore {
  /** Identities by exact name: more than one if a name has, for example, an RSA and an ECDSA certificate. */
  readonly #exact = new Map<string, Identity[]>();
  readonly #wildcards: { readonly pattern: string; readonly identity: Identity }[] = [];
  readonly #all: readonly Identity[];

  /** The first identity is the default, for clients that send no name or an unknown one. */
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
   * Looks for an exact name, then a wildcard, then the default. Among those, returns the first that can sign with one of
   * `schemes`, or undefined if none can.
   */
  select(serverName: string | undefined, schemes: readonly SignatureSchemeName[]): Identity | undefined {
    const usable = ({ signer }: Identity): boolean => signer.schemes.some((scheme) => schemes.includes(scheme));
    return this.#candidates(serverName).find(usable);
  }

  /** Candidates of one rank only: an identity for another name cannot replace one that the client cannot verify. */
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
