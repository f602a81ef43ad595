/**
 * Who the client is behind proxies in front of this server: the rightmost address of X-Forwarded-For or Forwarded (RFC 7239)
 * that is not a trusted proxy's. What is to the left of it, anyone can have written.
 */

import type { ExchangeClient, PeerAddress } from "../host/http/exchange.ts";
import { AddressSet } from "../host/listen/address-set.ts";
import { combinedFieldValue } from "../http/index.ts";
import { ipVersion } from "../wire/ip-address.ts";

/** More proxies than this in front of a server are a loop, or an attack. */
const MAX_ELEMENTS = 100;

/** What trusted proxies say of a request. */
export interface ForwardedPath {
  /** The client, and each proxy after it but the last, which is the exchange's peer. Empty if nothing is trusted. */
  readonly addresses: readonly PeerAddress[];
  /** True if the peer is a trusted proxy. */
  readonly isTrusted: boolean;
}

const UNTRUSTED: ForwardedPath = { addresses: [], isTrusted: false };

export class TrustedProxies {
  readonly #set: AddressSet;

  /** Addresses and prefixes (CIDR). Throws a ServeError if one is invalid. */
  constructor(prefixes: readonly string[]) {
    this.#set = new AddressSet("trustedProxies", prefixes);
  }

  pathOf(exchange: ExchangeClient): ForwardedPath {
    const { fields } = exchange;
    if (!this.#set.has(peerOf(exchange).address)) return UNTRUSTED;
    // deviation: X-Forwarded-For first, since most proxies set only that, and pass on a Forwarded that a client made up.
    const list = combinedFieldValue(fields, "x-forwarded-for");
    const given = list === undefined ? forwardedFor(combinedFieldValue(fields, "forwarded") ?? "") : list.split(",");
    const addresses: PeerAddress[] = [];
    for (const element of given.slice(-MAX_ELEMENTS).reverse()) {
      const address = parseNode(element.trim());
      // An obfuscated or invalid element hides who came before.
      if (address === undefined) break;
      addresses.unshift(address);
      if (!this.#set.has(address.address)) break;
    }
    return { addresses, isTrusted: true };
  }

  /** The client of an exchange: its peer, unless that is a trusted proxy. */
  clientOf(exchange: ExchangeClient): PeerAddress {
    return this.pathOf(exchange).addresses[0] ?? peerOf(exchange);
  }
}

/** A client that moves keeps the address at which its connection began. */
const peerOf = ({ firstAddress, remoteAddress }: ExchangeClient): PeerAddress => firstAddress ?? remoteAddress;

/** `for` of each element (RFC 7239 §4), empty if there is none. Commas and semicolons in quotes do not separate. */
export function forwardedFor(value: string): string[] {
  const elements: string[] = [];
  for (const [element] of value.matchAll(/(?:"(?:[^"\\]|\\.)*"|[^,"])+|,(?=\s*(?:,|$))/g)) {
    const pair = /(?:^|;)\s*for=("(?:[^"\\]|\\.)*"|[^\s;,"]*)/i.exec(element);
    elements.push((pair?.[1] ?? "").replace(/^"(.*)"$/, "$1").replaceAll(/\\(.)/g, "$1"));
  }
  return elements;
}

/** An address with an optional port: 192.0.2.1, 192.0.2.1:80, 2001:db8::1, [2001:db8::1] or [2001:db8::1]:80. */
function parseNode(text: string): PeerAddress | undefined {
  const match = /^(?:\[([^\]]+)\]|(\d+\.\d+\.\d+\.\d+))(?::(\d{1,5}))?$/.exec(text);
  const address = match?.[1] ?? match?.[2] ?? text;
  const version = address.includes("%") ? undefined : ipVersion(address);
  if (version === undefined) return undefined;
  return { address, port: Number(match?.[3] ?? 0), family: version === 6 ? "IPv6" : "IPv4" };
}
