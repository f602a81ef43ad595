/**
 * Neighbour discovery and stateless address configuration on one interface (RFC 4861, RFC 4862): answers and sends
 * solicitations, detects duplicate addresses, and learns routers and prefixes.
 */

import type { Rng } from "../base/rng.ts";
import { after, earliest, type Instant, seconds } from "../base/time.ts";
import { type Advertisement, isUnicastMac, type MacAddress, Neighbours, readMac, writeMac } from "../link/index.ts";
import { equalBytes } from "../wire/text.ts";
import { isMulticast, isUnspecified, type Prefix, solicitedNode, UNSPECIFIED_V6 } from "./address.ts";
import type { IcmpMessage } from "./icmp.ts";
import type { IpPacket } from "./packet.ts";

export const NdType = {
  routerSolicitation: 133,
  routerAdvertisement: 134,
  neighbourSolicitation: 135,
  neighbourAdvertisement: 136,
  redirect: 137,
} as const;

/** RFC 4861 §4.6. */
const Option = { sourceMac: 1, targetMac: 2, prefix: 3, mtu: 5 } as const;

const SOLICITED = 0x4000_0000;
const OVERRIDE = 0x2000_0000;
/** Messages with another hop limit were forwarded, so they come from another link. */
export const ND_HOP_LIMIT = 255;

const ALL_NODES = allNodes(1);
const ALL_ROUTERS = allNodes(2);

/** RFC 4861 §10, RFC 4862 §5.1. */
const MAX_ROUTER_SOLICITATIONS = 3;
const ROUTER_SOLICITATION_INTERVAL = seconds(4);
const DUPLICATE_DETECTION_TIME = seconds(1);

const MAX_ADDRESSES = 16;
const MAX_OPTIONS = 32;
const MIN_MTU = 1_280;

export interface NdAddress extends Prefix {
  state: "tentative" | "usable" | "duplicate";
  readonly origin: "manual" | "automatic";
  /** When the detection of duplicates ends. */
  until: Instant | undefined;
}

export interface NdOwner {
  readonly mac: MacAddress;
  readonly mtu: number;
  sendNd(
    message: IcmpMessage,
    source: Uint8Array,
    destination: Uint8Array,
    mac: MacAddress | undefined,
    now: Instant,
  ): void;
  deliver(frame: Uint8Array, mac: MacAddress, now: Instant): void;
  unreachable(address: Uint8Array, frames: readonly Uint8Array[], now: Instant): void;
  isOnLink(address: Uint8Array): boolean;
  /** A router advertises itself (or, with lifetime 0, its end), prefixes and an MTU. */
  onRouter(router: Uint8Array, isDefault: boolean, mtu: number | undefined, hopLimit: number, now: Instant): void;
  onPrefix(prefix: Prefix, now: Instant): void;
  onDuplicate(address: Uint8Array, now: Instant): void;
}

export class NeighbourDiscovery {
  readonly neighbours: Neighbours;
  readonly addresses: NdAddress[] = [];
  /** Messages that break RFC 4861's rules of validation. */
  invalid = 0;
  readonly #owner: NdOwner;
  #solicitationsLeft = 0;
  #nextSolicitation: Instant | undefined;

  constructor(owner: NdOwner, rng: Rng) {
    this.#owner = owner;
    this.neighbours = new Neighbours(
      {
        solicit: (address, cached, now) => this.#solicit(address, cached, now),
        deliver: (frame, mac, now) => owner.deliver(frame, mac, now),
        unreachable: (address, frames, now) => owner.unreachable(address, frames, now),
      },
      rng,
    );
  }

  /** RFC 4862 §5.4: with `detect`, the address is usable after a second in which no one else claims it. */
  addAddress(prefix: Prefix, origin: NdAddress["origin"], detect: boolean, now: Instant): void {
    if (this.addresses.length >= MAX_ADDRESSES) return;
    if (this.addresses.some(({ address }) => equalBytes(address, prefix.address))) return;
    const until = detect ? after(now, DUPLICATE_DETECTION_TIME) : undefined;
    this.addresses.push({ ...prefix, state: detect ? "tentative" : "usable", origin, until });
    if (detect) this.#sendSolicitation(prefix.address, UNSPECIFIED_V6, solicitedNode(prefix.address), undefined, now);
  }

  /** Asks routers to advertise themselves. */
  solicitRouters(now: Instant): void {
    this.#solicitationsLeft = MAX_ROUTER_SOLICITATIONS;
    this.#nextSolicitation = now;
  }

  isMine(address: Uint8Array): boolean {
    return this.addresses.some((own) => own.state === "usable" && equalBytes(own.address, address));
  }

  handle(packet: IpPacket, source: MacAddress, now: Instant): void {
    const { bytes, start, end, hopLimit } = packet;
    // RFC 4861 §6.1, §7.1.
    if (hopLimit !== ND_HOP_LIMIT || bytes[start + 1] !== 0) {
      this.#reject();
      return;
    }
    const body = bytes.subarray(start, end);
    switch (body[0]) {
      case NdType.neighbourSolicitation:
        this.#handleSolicitation(packet, body, source, now);
        return;
      case NdType.neighbourAdvertisement:
        this.#handleAdvertisement(packet, body, now);
        return;
      case NdType.routerAdvertisement:
        this.#handleRouter(packet, body, now);
        return;
      default:
        // A host ignores what is for routers (RFC 4861 §6.2.6). Redirects are not followed.
        return;
    }
  }

  nextTimeout(): Instant | undefined {
    let next = earliest(this.neighbours.nextTimeout(), this.#nextSolicitation);
    for (const { until } of this.addresses) next = earliest(next, until);
    return next;
  }

  handleTimeout(now: Instant): void {
    for (const address of this.addresses) {
      if (address.until === undefined || address.until > now) continue;
      address.until = undefined;
      address.state = "usable";
    }
    if (this.#nextSolicitation !== undefined && this.#nextSolicitation <= now) {
      this.#solicitationsLeft -= 1;
      this.#nextSolicitation = this.#solicitationsLeft > 0 ? after(now, ROUTER_SOLICITATION_INTERVAL) : undefined;
      this.#sendRouterSolicitation(now);
    }
    this.neighbours.handleTimeout(now);
  }

  #handleSolicitation(packet: IpPacket, body: Uint8Array, source: MacAddress, now: Instant): void {
    const target = body.slice(8, 24);
    const options = readOptions(body, 24);
    if (body.length < 24 || isMulticast(target) || options === undefined) {
      this.#reject();
      return;
    }
    const own = this.addresses.find(({ address }) => equalBytes(address, target));
    if (own === undefined || own.state === "duplicate") return;
    const isProbe = isUnspecified(packet.source);
    if (own.state === "tentative") {
      // RFC 4862 §5.4.3: another station probes for the same address.
      if (isProbe && source !== this.#owner.mac) this.#loseAddress(own, now);
      return;
    }
    if (!isProbe) {
      if (!this.#owner.isOnLink(packet.source)) {
        this.#reject();
        return;
      }
      if (options.sourceMac !== undefined && isUnicastMac(options.sourceMac)) {
        this.neighbours.learn(packet.source, options.sourceMac, { isSolicited: false, creates: true }, now);
      }
    }
    const message = advertisement(target, this.#owner.mac, isProbe ? OVERRIDE : SOLICITED | OVERRIDE);
    // RFC 4861 §7.2.4: to all nodes if the solicitation had no source.
    this.#owner.sendNd(message, target, isProbe ? ALL_NODES : packet.source, undefined, now);
  }

  #handleAdvertisement(packet: IpPacket, body: Uint8Array, now: Instant): void {
    const target = body.slice(8, 24);
    const options = readOptions(body, 24);
    if (body.length < 24 || isMulticast(target) || options === undefined) {
      this.#reject();
      return;
    }
    const flags = body[4]! << 24;
    const isSolicited = (flags & SOLICITED) !== 0;
    if (isSolicited && isMulticast(packet.destination)) {
      this.#reject();
      return;
    }
    const own = this.addresses.find(({ address }) => equalBytes(address, target));
    if (own !== undefined) {
      if (own.state === "tentative") this.#loseAddress(own, now);
      return;
    }
    const known = this.neighbours.get(target);
    if (known === undefined) return;
    const mac = options.targetMac ?? known.mac;
    if (mac === undefined || !isUnicastMac(mac)) return;
    const seen: Advertisement = { isSolicited, overrides: (flags & OVERRIDE) !== 0, creates: false };
    this.neighbours.learn(target, mac, seen, now);
  }

  #handleRouter(packet: IpPacket, body: Uint8Array, now: Instant): void {
    const options = readOptions(body, 16);
    // RFC 4861 §6.1.2: the source is a link-local address.
    const isLinkLocal = packet.source[0] === 0xfe && (packet.source[1]! & 0xc0) === 0x80;
    if (body.length < 16 || options === undefined || !isLinkLocal) {
      this.#reject();
      return;
    }
    this.#nextSolicitation = undefined;
    if (options.sourceMac !== undefined && isUnicastMac(options.sourceMac)) {
      this.neighbours.learn(packet.source, options.sourceMac, { isSolicited: false, creates: true }, now);
    }
    const lifetime = (body[6]! << 8) | body[7]!;
    const mtu = options.mtu === undefined || options.mtu < MIN_MTU ? undefined : Math.min(options.mtu, this.#owner.mtu);
    this.#owner.onRouter(packet.source, lifetime > 0, mtu, body[4]!, now);
    for (const prefix of options.prefixes) {
      this.#owner.onPrefix(prefix, now);
      if (!prefix.isAutonomous || prefix.length !== 64) continue;
      const address = withInterfaceId(prefix.address, this.#owner.mac);
      this.addAddress({ address, length: prefix.length }, "automatic", true, now);
    }
  }

  #loseAddress(own: NdAddress, now: Instant): void {
    own.state = "duplicate";
    own.until = undefined;
    this.#owner.onDuplicate(own.address, now);
  }

  #solicit(address: Uint8Array, cached: MacAddress | undefined, now: Instant): void {
    const usable = this.addresses.filter(({ state }) => state === "usable");
    // The address that the other side will see in packets, if there is one on the same prefix.
    const isLocal = address[0] === 0xfe;
    const own = usable.find((each) => (each.address[0] === 0xfe) === isLocal) ?? usable[0];
    if (own === undefined) return;
    const destination = cached === undefined ? solicitedNode(address) : address;
    this.#sendSolicitation(address, own.address, destination, cached, now);
  }

  #sendSolicitation(
    target: Uint8Array,
    source: Uint8Array,
    destination: Uint8Array,
    mac: MacAddress | undefined,
    now: Instant,
  ): void {
    const isProbe = isUnspecified(source);
    const body = new Uint8Array(isProbe ? 16 : 24);
    body.set(target);
    if (!isProbe) writeMacOption(body, 16, Option.sourceMac, this.#owner.mac);
    this.#owner.sendNd({ type: NdType.neighbourSolicitation, code: 0, rest: 0, body }, source, destination, mac, now);
  }

  #sendRouterSolicitation(now: Instant): void {
    const source = this.addresses.find(({ state, address }) => state === "usable" && address[0] === 0xfe)?.address;
    const body = new Uint8Array(source === undefined ? 0 : 8);
    if (source !== undefined) writeMacOption(body, 0, Option.sourceMac, this.#owner.mac);
    const message = { type: NdType.routerSolicitation, code: 0, rest: 0, body };
    this.#owner.sendNd(message, source ?? UNSPECIFIED_V6, ALL_ROUTERS, undefined, now);
  }

  #reject(): void {
    this.invalid += 1;
  }
}

function allNodes(last: number): Uint8Array {
  const group = new Uint8Array(16);
  group.set([0xff, 0x02]);
  group[15] = last;
  return group;
}

/** RFC 4291, appendix A: the address with an interface identifier made from the Ethernet address. */
export function withInterfaceId(prefix: Uint8Array, mac: MacAddress): Uint8Array {
  const bytes = new Uint8Array(6);
  writeMac(bytes, 0, mac);
  const address = new Uint8Array(16);
  address.set(prefix.subarray(0, 8));
  address.set([bytes[0]! ^ 0x02, bytes[1]!, bytes[2]!, 0xff, 0xfe, bytes[3]!, bytes[4]!, bytes[5]!], 8);
  return address;
}

export const linkLocalAddress = (mac: MacAddress): Uint8Array =>
  withInterfaceId(Uint8Array.of(0xfe, 0x80, 0, 0, 0, 0, 0, 0), mac);

function advertisement(target: Uint8Array, mac: MacAddress, flags: number): IcmpMessage {
  const body = new Uint8Array(24);
  body.set(target);
  writeMacOption(body, 16, Option.targetMac, mac);
  return { type: NdType.neighbourAdvertisement, code: 0, rest: flags, body };
}

function writeMacOption(body: Uint8Array, at: number, type: number, mac: MacAddress): void {
  body[at] = type;
  body[at + 1] = 1;
  writeMac(body, at + 2, mac);
}

interface AdvertisedPrefix extends Prefix {
  readonly isAutonomous: boolean;
}

interface NdOptions {
  sourceMac: MacAddress | undefined;
  targetMac: MacAddress | undefined;
  mtu: number | undefined;
  readonly prefixes: AdvertisedPrefix[];
}

/** Undefined if an option has length 0 or leaves the message (RFC 4861 §4.6). */
function readOptions(body: Uint8Array, from: number): NdOptions | undefined {
  const options: NdOptions = { sourceMac: undefined, targetMac: undefined, mtu: undefined, prefixes: [] };
  const view = new DataView(body.buffer, body.byteOffset, body.length);
  let count = 0;
  for (let at = from; at < body.length; ) {
    const length = (body[at + 1] ?? 0) * 8;
    count += 1;
    if (length === 0 || at + length > body.length || count > MAX_OPTIONS) return undefined;
    const type = body[at];
    if (type === Option.sourceMac) options.sourceMac = readMac(body, at + 2);
    else if (type === Option.targetMac) options.targetMac = readMac(body, at + 2);
    else if (type === Option.mtu) options.mtu = view.getUint32(at + 4);
    else if (type === Option.prefix && length === 32) {
      const flags = body[at + 3]!;
      const isOnLink = (flags & 0x80) !== 0;
      // RFC 4862 §5.5.3: a preferred lifetime above the valid one is ignored, and so is a prefix that is not valid.
      const isValid = view.getUint32(at + 4) > 0 && view.getUint32(at + 8) <= view.getUint32(at + 4);
      if (isValid && isOnLink && body[at + 2]! <= 128) {
        const isAutonomous = (flags & 0x40) !== 0;
        options.prefixes.push({ address: body.slice(at + 16, at + 32), length: body[at + 2]!, isAutonomous });
      }
    }
    at += length;
  }
  return options;
}
