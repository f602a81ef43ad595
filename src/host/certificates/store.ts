/**
 * Selects an identity by the requested name (SNI, RFC 6066 §3) and by the signature schemes that the client supports. The
 * time does not depend on the number of identities.
 */

import type { SignatureSchemeName } from "../../crypto/index.ts";
import { coversDnsName, formatAddressBytes, parseHost } from "./host-name.ts";
import type { Identity } from "./identity.ts";

export class CertificateStore {
  /** Identities by exact name: more than one if a name has, for example, an RSA and an ECDSA certificate. */
  readonly #exact = new Map<string, Rank>();
  /** Identities by the part of a wildcard after the asterisk, such as ".example.test". */
  readonly #wildcards = new Map<string, Rank>();
  /** For clients that send no name or an unknown one. */
  readonly #all = new Rank();

  /** The first identity is the default. */
  constructor(identities: readonly [Identity, ...Identity[]]) {
    for (const identity of identities) {
      this.#all.add(identity);
      for (const name of identity.names) {
        if (!name.startsWith("*.")) rankOf(this.#exact, name).add(identity);
        // RFC 9525 §6.3: patterns that match no name, such as "*.com", are left out.
        else if (coversDnsName(name, `a${suffixOf(name)}`)) rankOf(this.#wildcards, suffixOf(name)).add(identity);
      }
    }
  }

  /**
   * Looks for an exact name, then a wildcard, then the default. Among those, returns the first that can sign with one of
   * `schemes`, or undefined if none can.
   */
  select(serverName: string | undefined, schemes: readonly SignatureSchemeName[]): Identity | undefined {
    return this.#candidates(serverName).first(schemes);
  }

  /** Candidates of one rank only: an identity for another name cannot replace one that the client cannot verify. */
  #candidates(serverName: string | undefined): Rank {
    if (serverName === undefined) return this.#all;
    const host = parseHost(serverName);
    const name = host.address === undefined ? host.name : formatAddressBytes(host.address);
    const dot = name.indexOf(".");
    return this.#exact.get(name) ?? (dot > 0 ? this.#wildcards.get(name.slice(dot)) : undefined) ?? this.#all;
  }
}

/** Identities that match a name equally well, in the order given. */
class Rank {
  /** The first identity that can sign with a scheme, and its position. */
  readonly #firsts = new Map<SignatureSchemeName, { readonly identity: Identity; readonly position: number }>();
  #count = 0;

  add(identity: Identity): void {
    const position = this.#count++;
    for (const scheme of identity.signer.schemes) {
      if (!this.#firsts.has(scheme)) this.#firsts.set(scheme, { identity, position });
    }
  }

  first(schemes: readonly SignatureSchemeName[]): Identity | undefined {
    let best: { readonly identity: Identity; readonly position: number } | undefined;
    for (const scheme of schemes) {
      const first = this.#firsts.get(scheme);
      if (first !== undefined && (best === undefined || first.position < best.position)) best = first;
    }
    return best?.identity;
  }
}

function rankOf(ranks: Map<string, Rank>, name: string): Rank {
  let rank = ranks.get(name);
  if (rank === undefined) {
    rank = new Rank();
    ranks.set(name, rank);
  }
  return rank;
}

/** "*.example.test" → ".example.test" */
const suffixOf = (pattern: string): string => pattern.slice(1).replace(/\.$/, "");
