/**
 * One interface: a device with its link address, its IP addresses, ARP for IPv4 and neighbour discovery for IPv6. It
 * turns frames into packets for the layer, and finds the link address of what the layer sends.
 */

import type { Rng } from "../base/rng.ts";
import { earliest, type Instant } from "../base/time.ts";
import type { LinkDevice, Offload } from "../link/index.ts";
import {
  ARP_LENGTH,
  Arp,
  type ArpPacket,
  BROADCAST_MAC,
  destinationOf,
  ETHERNET_HEADER,
  EtherType,
  emitArp,
  etherTypeOf,
  isUnicastMac,
  type MacAddress,
  sourceOf,
  writeEthernet,
  writeMac,
} from "../link/index.ts";
import {
  isInPrefix,
  isLimitedBroadcast,
  isMulticast,
  isSubnetBroadcast,
  isUnspecified,
  type Prefix,
} from "./address.ts";
import type { IcmpMessage } from "./icmp.ts";
import { linkLocalAddress, NeighbourDiscovery } from "./nd.ts";
import type { SendResult } from "./packet.ts";

export interface InterfaceOptions {
  readonly device: LinkDevice;
  readonly mac: MacAddress;
  /** IPv4 and IPv6 addresses, with the lengths of their subnets. */
  readonly addresses: readonly Prefix[];
  /** Probes addresses before use (RFC 5227, RFC 4862) rather than only defending them; false by default. */
  readonly detectConflicts?: boolean;
  /** Takes a link-local IPv6 address, and what routers advertise (RFC 4862); true by default. */
  readonly autoconfigure?: boolean;
}

export interface InterfaceOwner {
  onIpFrame(from: NetInterface, version: 4 | 6, frame: Uint8Array, now: Instant, isVerified: boolean): void;
  onNd(
    from: NetInterface,
    message: IcmpMessage,
    source: Uint8Array,
    destination: Uint8Array,
    mac: MacAddress | undefined,
    now: Instant,
  ): void;
  onUnreachable(from: NetInterface, frames: readonly Uint8Array[], now: Instant): void;
  onRouter(from: NetInterface, router: Uint8Array, isDefault: boolean, now: Instant): void;
  onPrefix(from: NetInterface, prefix: Prefix, now: Instant): void;
  onAddress(from: NetInterface, address: Uint8Array, state: "owned" | "lost", now: Instant): void;
}

export type FrameDropReason = "runt" | "not-for-us" | "ether-type";

export class NetInterface {
  readonly device: LinkDevice;
  readonly mac: MacAddress;
  readonly arp: Arp;
  readonly nd: NeighbourDiscovery;
  readonly dropped: Partial<Record<FrameDropReason, number>> = {};
  /** The hop limit that routers advertise. */
  hopLimit = 64;
  /** Set when the device stopped working. */
  gone: string | undefined;
  readonly #owner: InterfaceOwner;
  /** IPv4 addresses; whether each is usable is its claim's state. */
  readonly #ipv4: { readonly prefix: Prefix; readonly claim: { readonly state: string } }[] = [];
  readonly #isPointToPoint: boolean;
  readonly #arpFrame = new Uint8Array(ETHERNET_HEADER + ARP_LENGTH);
  #advertisedMtu: number | undefined;

  constructor(options: InterfaceOptions, owner: InterfaceOwner, rng: Rng, now: Instant) {
    const { device, mac, detectConflicts = false, autoconfigure = true } = options;
    this.device = device;
    this.#isPointToPoint = device.isPointToPoint ?? false;
    this.mac = mac;
    this.#owner = owner;
    const shared = {
      mac,
      mtu: device.mtu,
      deliver: (frame: Uint8Array, to: MacAddress, at: Instant) => this.#deliver(frame, to, at),
      unreachable: (_: Uint8Array, frames: readonly Uint8Array[], at: Instant) => owner.onUnreachable(this, frames, at),
      isOnLink: (address: Uint8Array) => this.isOnLink(address),
    };
    this.arp = new Arp(
      {
        ...shared,
        sendArp: (packet, destination, at) => this.#sendArp(packet, destination, at),
        onClaim: (address, state, at) => owner.onAddress(this, address, state, at),
      },
      rng,
    );
    this.nd = new NeighbourDiscovery(
      {
        ...shared,
        sendNd: (message, source, destination, to, at) => owner.onNd(this, message, source, destination, to, at),
        onRouter: (router, isDefault, mtu, hopLimit, at) => {
          if (mtu !== undefined) this.#advertisedMtu = mtu;
          if (hopLimit > 0) this.hopLimit = hopLimit;
          owner.onRouter(this, router, isDefault, at);
        },
        onPrefix: (prefix, at) => owner.onPrefix(this, prefix, at),
        onDuplicate: (address, at) => owner.onAddress(this, address, "lost", at),
      },
      rng,
    );
    const detects = detectConflicts && !this.#isPointToPoint;
    for (const prefix of options.addresses) {
      if (prefix.address.length === 16) this.nd.addAddress(prefix, "manual", detects, now);
      else if (this.#isPointToPoint) this.#ipv4.push({ prefix, claim: { state: "owned" } });
      else this.#ipv4.push({ prefix, claim: this.arp.claim(prefix.address, { probe: detects }, now) });
    }
    const wantsIpv6 = options.addresses.some(({ address }) => address.length === 16);
    if (autoconfigure && wantsIpv6 && !this.#isPointToPoint) {
      this.nd.addAddress({ address: linkLocalAddress(mac), length: 64 }, "automatic", detectConflicts, now);
      this.nd.solicitRouters(now);
    }
    device.onFrame = (frame, at, isVerified) => this.#receive(frame, at, isVerified);
    device.onGone = (reason) => {
      this.gone = reason;
    };
  }

  /** The largest packet of a version. */
  mtu(version: 4 | 6): number {
    return version === 6 ? Math.min(this.device.mtu, this.#advertisedMtu ?? this.device.mtu) : this.device.mtu;
  }

  /** The usable addresses, with their subnets. */
  *addresses(): IterableIterator<Prefix> {
    for (const { prefix, claim } of this.#ipv4) if (claim.state === "owned") yield prefix;
    for (const address of this.nd.addresses) if (address.state === "usable") yield address;
  }

  hasAddress(address: Uint8Array): boolean {
    if (address.length === 16) return this.nd.isMine(address);
    for (const own of this.addresses()) if (isSame(own.address, address)) return true;
    return false;
  }

  /** True if packets to the address are for this host too: broadcasts, and groups that it has joined. */
  isGroup(address: Uint8Array): boolean {
    if (address.length === 16) return isMulticast(address);
    return isLimitedBroadcast(address) || isMulticast(address) || this.#isBroadcast(address);
  }

  #isBroadcast(address: Uint8Array): boolean {
    return this.#ipv4.some(({ prefix }) => isSubnetBroadcast(prefix, address));
  }

  /** True if a station on the link may have the address. */
  isOnLink(address: Uint8Array): boolean {
    if (isMulticast(address) || isUnspecified(address)) return false;
    if (address.length === 16) {
      if (address[0] === 0xfe && (address[1]! & 0xc0) === 0x80) return true;
      return this.nd.addresses.some((own) => isInPrefix(own, address));
    }
    if (this.#isBroadcast(address) || this.#ipv4.some(({ prefix }) => isSame(prefix.address, address))) return false;
    return this.#ipv4.some(({ prefix }) => isInPrefix(prefix, address));
  }

  /** The link address of a next hop, if it is known now. */
  linkAddress(nextHop: Uint8Array): MacAddress | undefined {
    if (this.#isPointToPoint) return BROADCAST_MAC;
    if (nextHop.length === 4) {
      if (isLimitedBroadcast(nextHop) || this.#isBroadcast(nextHop)) return BROADCAST_MAC;
      // RFC 1112 §6.4.
      if (isMulticast(nextHop)) {
        return (0x0100_5e00_0000 + (((nextHop[1]! & 0x7f) << 16) | (nextHop[2]! << 8) | nextHop[3]!)) as MacAddress;
      }
      return this.arp.neighbours.get(nextHop)?.mac;
    }
    // RFC 2464 §7.
    if (isMulticast(nextHop)) {
      return (0x3333_0000_0000 +
        (((nextHop[12]! << 24) | (nextHop[13]! << 16) | (nextHop[14]! << 8) | nextHop[15]!) >>> 0)) as MacAddress;
    }
    return this.nd.neighbours.get(nextHop)?.mac;
  }

  /** Sends a frame whose Ethernet header is not yet written. A frame that must wait is copied. */
  sendFrame(
    frame: Uint8Array,
    version: 4 | 6,
    nextHop: Uint8Array,
    now: Instant,
    offload?: Offload,
    to?: MacAddress,
  ): SendResult {
    if (this.gone !== undefined) return "no-route";
    writeEthernet(frame, BROADCAST_MAC, this.mac, version === 4 ? EtherType.ipv4 : EtherType.ipv6);
    const { neighbours } = version === 4 ? this.arp : this.nd;
    // A frame that only an offload makes fit is cut here; its transport sends it again.
    const waiting = (): Uint8Array => frame.slice(0, Math.min(frame.length, ETHERNET_HEADER + this.device.mtu));
    const known = this.#isPointToPoint || this.isGroup(nextHop) ? this.linkAddress(nextHop) : undefined;
    const mac = to ?? known ?? neighbours.resolve(nextHop, waiting, now);
    if (mac === undefined) return "queued";
    writeMac(frame, 0, mac);
    return this.device.transmit(frame, now, offload) ? "sent" : "device-full";
  }

  nextTimeout(): Instant | undefined {
    return earliest(this.device.nextTimeout(), earliest(this.arp.nextTimeout(), this.nd.nextTimeout()));
  }

  handleTimeout(now: Instant): void {
    this.device.handleTimeout(now);
    this.arp.handleTimeout(now);
    this.nd.handleTimeout(now);
  }

  #receive(frame: Uint8Array, now: Instant, isVerified: boolean): void {
    if (frame.length < ETHERNET_HEADER) {
      this.#drop("runt");
      return;
    }
    const destination = destinationOf(frame);
    if (destination !== this.mac && isUnicastMac(destination)) {
      this.#drop("not-for-us");
      return;
    }
    switch (etherTypeOf(frame)) {
      case EtherType.ipv4:
        this.#owner.onIpFrame(this, 4, frame, now, isVerified);
        return;
      case EtherType.ipv6:
        this.#owner.onIpFrame(this, 6, frame, now, isVerified);
        return;
      case EtherType.arp:
        this.arp.handle(frame.subarray(ETHERNET_HEADER), sourceOf(frame), now);
        return;
      default:
        this.#drop("ether-type");
        return;
    }
  }

  #sendArp(packet: ArpPacket, destination: MacAddress, now: Instant): void {
    writeEthernet(this.#arpFrame, destination, this.mac, EtherType.arp);
    emitArp(packet, this.#arpFrame, ETHERNET_HEADER);
    this.device.transmit(this.#arpFrame, now);
  }

  #deliver(frame: Uint8Array, mac: MacAddress, now: Instant): void {
    writeMac(frame, 0, mac);
    this.device.transmit(frame, now);
  }

  #drop(reason: FrameDropReason): void {
    this.dropped[reason] = (this.dropped[reason] ?? 0) + 1;
  }
}

function isSame(a: Uint8Array, b: Uint8Array): boolean {
  for (let i = 0; i < a.length; i += 1) if (a[i] !== b[i]) return false;
  return a.length === b.length;
}
