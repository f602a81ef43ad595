/**
 * A network address translator (RFC 4787): gives each inside address and port an outside one, for all destinations. May
 * change its mappings at given times, as home routers do.
 */

import type { SocketAddress } from "../base/datagrams.ts";
import { type Instant, type Micros, seconds, since } from "../base/time.ts";
import type { SimulatedDatagram } from "./datagram.ts";

export interface NatOptions {
  /** The node's name; "nat" by default. */
  readonly name?: string;
  /** The outside addresses, without ports. The first is used until the address is rebound. */
  readonly addresses: readonly string[];
  /**
   * Who may send to a mapping (RFC 4787 §5): anyone, addresses to which the inside has sent, or addresses and ports to
   * which it has sent. "address-restricted" by default.
   */
  readonly filtering?: "full-cone" | "address-restricted" | "port-restricted";
  /** An unused mapping expires after this; 2 minutes by default (RFC 4787 §4.3). Only what the inside sends counts as use. */
  readonly timeout?: Micros;
  /** When all mappings are replaced. */
  readonly rebinding?: Rebinding;
  /** In a graph: the name of the neighbor that leads outside. In an array, the outside is on the right. */
  readonly outside?: string;
}

/** Times of rebinding. With `address`, the outside address changes too, in turn through all addresses. */
export type Rebinding = ({ readonly first: Micros; readonly every: Micros } | { readonly at: readonly Instant[] }) & {
  readonly address?: boolean;
};

interface Mapping {
  readonly inside: SocketAddress;
  readonly outside: SocketAddress;
  /** Where the inside has sent. */
  readonly permitted: Set<string>;
  usedAt: Instant;
}

const TIMEOUT = seconds(120);
const FIRST_PORT = 20_000;
const PORTS = 40_000;

const keyOf = ({ host, port }: SocketAddress): string => `${host} ${port}`;

/** How often mappings have been replaced. */
function rebindings(rebinding: Rebinding | undefined, now: Instant): number {
  if (rebinding === undefined) return 0;
  if ("at" in rebinding) return rebinding.at.filter((at) => at <= now).length;
  return now < rebinding.first ? 0 : 1 + Math.floor((now - rebinding.first) / rebinding.every);
}

export class Nat {
  readonly #options: NatOptions;
  readonly #byInside = new Map<string, Mapping>();
  readonly #byOutside = new Map<string, Mapping>();
  #rebindings = 0;
  #nextPort = FIRST_PORT;

  constructor(options: NatOptions) {
    const isMoving = options.rebinding?.address === true;
    if (options.addresses.length < (isMoving ? 2 : 1)) {
      throw new TypeError(isMoving ? "a NAT that rebinds its address needs two or more" : "a NAT needs an address");
    }
    this.#options = options;
  }

  /** Translates a datagram from the inside. */
  outward(datagram: SimulatedDatagram, now: Instant): SimulatedDatagram {
    this.#rebind(now);
    const mapping = this.#mappingFor(datagram.source, now);
    mapping.usedAt = now;
    mapping.permitted.add(this.#permissionOf(datagram.destination));
    return { ...datagram, source: mapping.outside };
  }

  /** Translates a datagram from the outside; undefined if it is filtered. */
  inward(datagram: SimulatedDatagram, now: Instant): SimulatedDatagram | undefined {
    this.#rebind(now);
    const mapping = this.#byOutside.get(keyOf(datagram.destination));
    if (mapping === undefined || this.#isExpired(mapping, now)) return undefined;
    const { filtering = "address-restricted" } = this.#options;
    if (filtering !== "full-cone" && !mapping.permitted.has(this.#permissionOf(datagram.source))) return undefined;
    return { ...datagram, destination: mapping.inside };
  }

  #permissionOf(remote: SocketAddress): string {
    return this.#options.filtering === "port-restricted" ? keyOf(remote) : remote.host;
  }

  #mappingFor(inside: SocketAddress, now: Instant): Mapping {
    const key = keyOf(inside);
    const known = this.#byInside.get(key);
    if (known !== undefined && !this.#isExpired(known, now)) return known;
    if (known !== undefined) this.#byOutside.delete(keyOf(known.outside));
    const { addresses, rebinding } = this.#options;
    const turn = rebinding?.address === true ? this.#rebindings : 0;
    const host = addresses[turn % addresses.length]!;
    const outside = { family: inside.family, host, port: this.#freePort(host) };
    const mapping = { inside, outside, permitted: new Set<string>(), usedAt: now };
    this.#byInside.set(key, mapping);
    this.#byOutside.set(keyOf(outside), mapping);
    return mapping;
  }

  #freePort(host: string): number {
    for (let tries = 0; tries < PORTS; tries += 1) {
      const port = FIRST_PORT + ((this.#nextPort++ - FIRST_PORT) % PORTS);
      if (!this.#byOutside.has(`${host} ${port}`)) return port;
    }
    throw new Error("the NAT has no free ports");
  }

  #isExpired(mapping: Mapping, now: Instant): boolean {
    return since(mapping.usedAt, now) > (this.#options.timeout ?? TIMEOUT);
  }

  #rebind(now: Instant): void {
    const count = rebindings(this.#options.rebinding, now);
    if (count === this.#rebindings) return;
    this.#rebindings = count;
    this.#byInside.clear();
    this.#byOutside.clear();
  }
}
