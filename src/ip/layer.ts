/**
 * The IP layer of a host: receives packets of both versions on all interfaces, answers ICMP, hands the rest to the
 * transports, and sends their packets: route, source address, fragmentation, checksum or its offload. Forwards between
 * interfaces if asked to.
 */

import { Fifo } from "../base/fifo.ts";
import { RateLimit } from "../base/rate-limit.ts";
import type { Rng } from "../base/rng.ts";
import { earliest, type Instant } from "../base/time.ts";
import type { MacAddress } from "../link/index.ts";
import { ETHERNET_HEADER, sourceOf } from "../link/index.ts";
import { isLoopback, isMulticast, isUnspecified, type Prefix } from "./address.ts";
import { forwardedCopy } from "./forwarding.ts";
import {
  Icmp4,
  Icmp6,
  type IcmpError,
  type IcmpMessage,
  icmpPacket,
  isIcmpIntact,
  localError,
  quote,
  readIcmpError,
} from "./icmp.ts";
import { type InterfaceOptions, NetInterface } from "./interface.ts";
import { parseIpv4 } from "./ipv4.ts";
import { type Ipv6Problem, parseIpv6, parseReassembledIpv6 } from "./ipv6.ts";
import { MCPHINT_LAYOUT, type McpHintLayout } from "./mcphint.ts";
import { ND_HOP_LIMIT, NdType } from "./nd.ts";
import { type IpDropReason, type IpPacket, type OutgoingPacket, Protocol, type SendResult } from "./packet.ts";
import { PacketWriter } from "./packet-writer.ts";
import { PathMtu } from "./path-mtu.ts";
import { Reassembly } from "./reassembly.ts";
import { Routes } from "./routes.ts";
import { selectSource } from "./source-selection.ts";

/** What a transport did with a packet; anything but "accepted" is answered with ICMP. */
export type Verdict = "accepted" | "port-unreachable" | "protocol-unreachable";

export interface IpOwner {
  /** Bytes are valid only during the call. */
  onPacket(packet: IpPacket, now: Instant): Verdict;
  /** Returns true if the error is about a packet that a transport may have sent. */
  onIcmpError(error: IcmpError, now: Instant): boolean;
  onEchoReply?(packet: IpPacket, now: Instant): void;
  onAddress?(address: Uint8Array, state: "owned" | "lost", now: Instant): void;
}

export interface IpOptions {
  readonly forwarding?: boolean;
  /** Reads and sets the MCPHINT option; undefined numbers mean the default layout. */
  readonly hintLayout?: McpHintLayout;
}

/** How packets reach a destination. */
export interface PathInfo {
  readonly source: Uint8Array;
  readonly mtu: number;
  readonly offloads: boolean;
}

/** Errors and echo replies per second. */
const ERRORS_PER_SECOND = 100;
const REPLIES_PER_SECOND = 10_000;
const DEFAULT_HOP_LIMIT = 64;
/** Packets from this host to itself that wait. */
const LOCAL_QUEUE = 1_024;

export class IpLayer {
  readonly interfaces: NetInterface[] = [];
  readonly routes = new Routes<NetInterface>();
  readonly pathMtu = new PathMtu();
  readonly reassembly: Reassembly;
  readonly dropped: Partial<Record<IpDropReason, number>> = {};
  forwarded = 0;
  readonly #owner: IpOwner;
  readonly #options: IpOptions;
  readonly #layout: McpHintLayout;
  readonly #rng: Rng;
  readonly #writer: PacketWriter;
  readonly #errors = new RateLimit(ERRORS_PER_SECOND);
  readonly #replies = new RateLimit(REPLIES_PER_SECOND);
  readonly #local = new Fifo<{ readonly frame: Uint8Array; readonly at: Instant }>();

  constructor(owner: IpOwner, rng: Rng, options: IpOptions = {}) {
    this.#owner = owner;
    this.#rng = rng;
    this.#options = options;
    this.#layout = options.hintLayout ?? MCPHINT_LAYOUT;
    this.#writer = new PacketWriter(this.#layout, rng);
    this.reassembly = new Reassembly((first, now) => {
      const type = first.version === 4 ? Icmp4.timeExceeded : Icmp6.timeExceeded;
      this.#sendError(first, { type, code: 1, rest: 0 }, now);
    });
  }

  addInterface(options: InterfaceOptions, now: Instant): NetInterface {
    const added = new NetInterface(
      options,
      {
        onIpFrame: (from, version, frame, at, isVerified) => {
          this.#receive(from, version, frame, ETHERNET_HEADER, at, isVerified);
        },
        onNd: (from, message, source, destination, mac, at) =>
          this.#sendNd(from, message, source, destination, mac, at),
        onUnreachable: (_, frames, at) => this.#failFrames(frames, at),
        onRouter: (from, router, isDefault) => this.#setRouter(from, router, isDefault),
        onPrefix: (from, prefix) => this.#addOnLink(from, prefix),
        onAddress: (_, address, state, at) => this.#owner.onAddress?.(address, state, at),
      },
      this.#rng,
      now,
    );
    this.interfaces.push(added);
    for (const prefix of options.addresses) this.#addOnLink(added, prefix);
    return added;
  }

  isOwn(address: Uint8Array): boolean {
    return isLoopback(address) || this.interfaces.some((each) => each.hasAddress(address));
  }

  /** The source, MTU and abilities of the path to a destination; undefined if there is no route or no address. */
  path(destination: Uint8Array, source: Uint8Array | undefined, now: Instant): PathInfo | undefined {
    if (this.isOwn(destination)) return { source: source ?? destination, mtu: 65_535, offloads: false };
    const route = this.#route(destination);
    if (route === undefined || route.interface.gone !== undefined) return undefined;
    const from = source ?? selectSource([...route.interface.addresses()], destination);
    if (from === undefined) return undefined;
    const mtu = this.pathMtu.get(destination, route.interface.mtu(destination.length === 4 ? 4 : 6), now);
    return { source: from, mtu, offloads: route.interface.device.offloads && mtu === route.interface.device.mtu };
  }

  /** `hint` is the MCPHINT option's data; undefined for none. */
  send(packet: OutgoingPacket, now: Instant, hint?: number): SendResult {
    const { destination } = packet;
    if (this.isOwn(destination)) return this.#sendLocally(packet, hint);
    const route = this.#route(destination);
    if (route === undefined) return "no-route";
    const out = route.interface;
    const source = packet.source ?? selectSource([...out.addresses()], destination);
    if (source === undefined) return "no-source";
    const version = destination.length === 4 ? 4 : 6;
    const nextHop = route.gateway ?? destination;
    const isKnown = out.linkAddress(nextHop) !== undefined;
    const mtu = this.pathMtu.get(destination, out.mtu(version), now);
    return this.#writer.write(
      packet,
      { source, hopLimit: packet.hopLimit ?? (version === 6 ? out.hopLimit : DEFAULT_HOP_LIMIT), mtu, hint },
      out.device.offloads && isKnown,
      (frame, offload) => out.sendFrame(frame, version, nextHop, now, offload),
    );
  }

  ping(destination: Uint8Array, id: number, sequence: number, body: Uint8Array, now: Instant): SendResult {
    const version = destination.length === 4 ? 4 : 6;
    const type = version === 4 ? Icmp4.echoRequest : Icmp6.echoRequest;
    const rest = ((id << 16) | sequence) >>> 0;
    return this.send(icmpPacket(version, { type, code: 0, rest, body }, destination), now);
  }

  /** Upper layers saw that packets reach the destination (RFC 4861 §7.3.1). */
  confirm(destination: Uint8Array, now: Instant): void {
    const route = this.#route(destination);
    if (route === undefined) return;
    const { arp, nd } = route.interface;
    (destination.length === 4 ? arp : nd).neighbours.confirm(route.gateway ?? destination, now);
  }

  /** Upper layers suspect that packets do not reach the destination: its neighbour is asked before the next one. */
  suspect(destination: Uint8Array, now: Instant): void {
    const route = this.#route(destination);
    if (route === undefined) return;
    const { arp, nd } = route.interface;
    (destination.length === 4 ? arp : nd).neighbours.suspect(route.gateway ?? destination, now);
  }

  nextTimeout(): Instant | undefined {
    let next = earliest(this.reassembly.nextTimeout(), this.#local.first?.at);
    for (const each of this.interfaces) next = earliest(next, each.nextTimeout());
    return next;
  }

  handleTimeout(now: Instant): void {
    for (const each of this.interfaces) each.handleTimeout(now);
    this.reassembly.handleTimeout(now);
    for (let left = this.#local.size; left > 0; left -= 1) {
      const { frame } = this.#local.shift()!;
      this.#receive(undefined, frame[0]! >>> 4 === 4 ? 4 : 6, frame, 0, now, true);
    }
  }

  #route(destination: Uint8Array) {
    const found = this.routes.lookup(destination);
    if (found !== undefined) return found;
    // Groups and link-local addresses need no route: the first interface of the version.
    const isLinkScoped =
      isMulticast(destination) || destination[0] === 0xff || (destination[0] === 0xfe && destination.length === 16);
    const first = isLinkScoped ? this.interfaces[0] : undefined;
    return first === undefined ? undefined : { interface: first, gateway: undefined };
  }

  #addOnLink(to: NetInterface, prefix: Prefix): void {
    const isKnown = [...this.routes].some(
      (route) =>
        route.interface === to &&
        route.gateway === undefined &&
        route.prefix.length === prefix.length &&
        route.prefix.address.every((byte, i) => byte === prefix.address[i]),
    );
    if (!isKnown) this.routes.add({ prefix, interface: to, gateway: undefined });
  }

  #setRouter(from: NetInterface, router: Uint8Array, isDefault: boolean): void {
    this.routes.remove(
      ({ interface: to, gateway, prefix }) =>
        to === from && prefix.length === 0 && (gateway?.every((byte, i) => byte === router[i]) ?? false),
    );
    const prefix = { address: new Uint8Array(16), length: 0 };
    // A router of the configuration comes first.
    if (isDefault) this.routes.add({ prefix, interface: from, gateway: router, metric: 1024 });
  }

  #sendLocally(packet: OutgoingPacket, hint: number | undefined): SendResult {
    if (this.#local.size >= LOCAL_QUEUE) return "device-full";
    const source = packet.source ?? packet.destination;
    return this.#writer.write(packet, { source, hopLimit: DEFAULT_HOP_LIMIT, mtu: 65_535, hint }, false, (frame) => {
      this.#local.push({ frame: frame.slice(ETHERNET_HEADER), at: 0 as Instant });
      return "sent";
    });
  }

  #sendNd(
    out: NetInterface,
    message: IcmpMessage,
    source: Uint8Array,
    destination: Uint8Array,
    mac: MacAddress | undefined,
    now: Instant,
  ): void {
    const packet = icmpPacket(6, message, destination, source, ND_HOP_LIMIT);
    const fields = { source, hopLimit: ND_HOP_LIMIT, mtu: out.mtu(6), hint: undefined };
    this.#writer.write(packet, fields, false, (frame) => out.sendFrame(frame, 6, destination, now, undefined, mac));
  }

  #receive(
    from: NetInterface | undefined,
    version: 4 | 6,
    frame: Uint8Array,
    at: number,
    now: Instant,
    isVerified: boolean,
  ): void {
    const parse = version === 4 ? parseIpv4 : parseIpv6;
    const packet = parse(frame, at, frame.length, this.#layout);
    if (typeof packet === "string") {
      this.#drop(packet);
      return;
    }
    if ("drop" in packet) {
      this.#refuse(packet, frame, at, now);
      return;
    }
    packet.isVerified = isVerified;
    const { source, destination } = packet;
    // RFC 1122 §3.2.1.3, RFC 4291 §2.7; loopback addresses never appear on a link (RFC 1122, RFC 4291 §2.5.3).
    const isFromNowhere = isMulticast(source) || (from?.isGroup(source) ?? false);
    const isLoop = from !== undefined && (isLoopback(source) || isLoopback(destination) || this.isOwn(source));
    if (isFromNowhere || isLoop) {
      this.#drop("source-address");
      return;
    }
    if (!this.isOwn(destination) && !(from?.isGroup(destination) ?? false)) {
      this.#forward(packet, from, now);
      return;
    }
    this.#deliver(packet, from, frame, now);
  }

  #deliver(fragmentOrPacket: IpPacket, from: NetInterface | undefined, frame: Uint8Array, now: Instant): void {
    let packet = fragmentOrPacket;
    if (packet.fragment !== undefined) {
      const whole = this.reassembly.add(packet, now);
      if (whole === undefined) return;
      const parsed = whole.version === 4 ? whole : parseReassembledIpv6(whole, this.#layout);
      if ("drop" in parsed) {
        this.#drop(parsed.drop);
        return;
      }
      packet = parsed;
    }
    const { protocol, version } = packet;
    if (protocol === (version === 4 ? Protocol.icmp : Protocol.icmpv6)) {
      this.#handleIcmp(packet, from, frame, now);
      return;
    }
    const verdict = this.#owner.onPacket(packet, now);
    if (verdict === "accepted") return;
    this.#drop("no-protocol");
    // RFC 1122 §3.2.2.1, RFC 8200 §4 (unknown next header).
    const isPort = verdict === "port-unreachable";
    if (version === 4) this.#sendError(packet, { type: Icmp4.unreachable, code: isPort ? 3 : 2, rest: 0 }, now);
    else if (isPort) this.#sendError(packet, { type: Icmp6.unreachable, code: 4, rest: 0 }, now);
    else this.#sendError(packet, { type: Icmp6.parameterProblem, code: 1, rest: 6 }, now);
  }

  #handleIcmp(packet: IpPacket, from: NetInterface | undefined, frame: Uint8Array, now: Instant): void {
    const { bytes, start, end, version, source, destination } = packet;
    if (!isIcmpIntact(packet)) {
      this.#drop("icmp");
      return;
    }
    const type = bytes[start]!;
    const isRequest = type === (version === 4 ? Icmp4.echoRequest : Icmp6.echoRequest);
    const isReply = type === (version === 4 ? Icmp4.echoReply : Icmp6.echoReply);
    if (isRequest) {
      // RFC 1122 §3.2.2.6: a broadcast may be ignored.
      if (!this.isOwn(destination) || isUnspecified(source) || !this.#replies.take(now)) {
        this.#drop("icmp");
        return;
      }
      const rest = new DataView(bytes.buffer, bytes.byteOffset).getUint32(start + 4);
      const body = bytes.slice(start + 8, end);
      const reply = { type: version === 4 ? Icmp4.echoReply : Icmp6.echoReply, code: 0, rest, body };
      this.send(icmpPacket(version, reply, source, destination), now, packet.hint);
    } else if (isReply) this.#owner.onEchoReply?.(packet, now);
    else if (version === 6 && type >= NdType.routerSolicitation && type <= NdType.redirect) {
      from?.nd.handle(packet, sourceOf(frame), now);
    } else {
      const error = readIcmpError(packet);
      // Only for what this host may have sent; then routers may shrink the path's MTU.
      if (error === undefined || !this.isOwn(error.source)) {
        this.#drop("icmp");
        return;
      }
      if (error.kind === "packet-too-big") this.#reducePathMtu(error, now);
      else if (!this.#owner.onIcmpError(error, now)) this.#drop("icmp");
    }
  }

  #reducePathMtu(error: IcmpError, now: Instant): void {
    if (!this.#owner.onIcmpError(error, now)) {
      this.#drop("icmp");
      return;
    }
    const { destination, mtu } = error;
    const route = this.#route(destination);
    if (route === undefined) return;
    const current = this.pathMtu.get(destination, route.interface.mtu(destination.length === 4 ? 4 : 6), now);
    this.pathMtu.reduce(destination, mtu, current, now);
  }

  #forward(packet: IpPacket, from: NetInterface | undefined, now: Instant): void {
    if (this.#options.forwarding !== true || from === undefined) {
      this.#drop("not-ours");
      return;
    }
    const { version, destination } = packet;
    if (packet.hopLimit <= 1) {
      this.#drop("hop-limit");
      this.#sendError(packet, { type: version === 4 ? Icmp4.timeExceeded : Icmp6.timeExceeded, code: 0, rest: 0 }, now);
      return;
    }
    const route = isMulticast(destination) ? undefined : this.routes.lookup(destination);
    if (route === undefined) {
      this.#drop("no-route");
      const type = version === 4 ? Icmp4.unreachable : Icmp6.unreachable;
      this.#sendError(packet, { type, code: 0, rest: 0 }, now);
      return;
    }
    const out = route.interface;
    const mtu = this.pathMtu.get(destination, out.mtu(version), now);
    const nextHop = route.gateway ?? destination;
    const result = forwardedCopy(packet, mtu, (frame) => out.sendFrame(frame, version, nextHop, now));
    if (result !== "too-big") {
      this.forwarded += 1;
      return;
    }
    // RFC 1191 §4, RFC 4443 §3.2.
    if (version === 4) this.#sendError(packet, { type: Icmp4.unreachable, code: 4, rest: mtu }, now);
    else this.#sendError(packet, { type: Icmp6.packetTooBig, code: 0, rest: mtu }, now);
  }

  /** Answers a packet whose headers could not be processed (RFC 4443 §3.4). */
  #refuse({ drop, problem }: Ipv6Problem, frame: Uint8Array, at: number, now: Instant): void {
    this.#drop(drop);
    if (problem === undefined) return;
    const destination = frame.slice(at + 24, at + 40);
    const isOurs = this.isOwn(destination) || (problem.evenForMulticast && isMulticast(destination));
    if (!isOurs) return;
    const packet: IpPacket = {
      version: 6,
      source: frame.slice(at + 8, at + 24),
      destination,
      protocol: Protocol.none,
      hopLimit: 0,
      trafficClass: 0,
      bytes: frame,
      headerStart: at,
      start: at,
      end: frame.length,
      hint: undefined,
      fragment: undefined,
      isVerified: false,
    };
    const { code, pointer } = problem;
    this.#sendError(packet, { type: Icmp6.parameterProblem, code, rest: pointer }, now, true);
  }

  /** RFC 1122 §3.2.2, RFC 4443 §2.4: no errors about errors, groups, later fragments or senders without an address. */
  #sendError(packet: IpPacket, error: Omit<IcmpMessage, "body">, now: Instant, evenForGroup = false): void {
    const { source, destination, fragment, version, protocol, bytes, start } = packet;
    if (isUnspecified(source) || isMulticast(source) || (fragment?.offset ?? 0) > 0) return;
    const isGroup = isMulticast(destination) || this.interfaces.some((each) => each.isGroup(destination));
    if (isGroup && !evenForGroup) return;
    if (protocol === Protocol.icmp && ![Icmp4.echoRequest, Icmp4.echoReply].includes(bytes[start] as 0 | 8)) return;
    if (protocol === Protocol.icmpv6 && bytes[start]! < 128) return;
    if (!this.#errors.take(now)) return;
    const own = this.isOwn(destination) ? destination : undefined;
    this.send(icmpPacket(version, { ...error, body: quote(packet) }, source, own), now);
  }

  /** The neighbour does not answer: tell the transport that sent the packet, or the host whose packet was forwarded. */
  #failFrames(frames: readonly Uint8Array[], now: Instant): void {
    for (const frame of frames) {
      const error = localError("host-unreachable", frame, ETHERNET_HEADER, frame.length);
      if (error === undefined) continue;
      if (this.isOwn(error.source)) {
        this.#owner.onIcmpError(error, now);
        continue;
      }
      const version = error.source.length === 4 ? 4 : 6;
      const parse = version === 4 ? parseIpv4 : parseIpv6;
      const packet = parse(frame, ETHERNET_HEADER, frame.length, this.#layout);
      if (typeof packet === "string" || "drop" in packet) continue;
      const type = version === 4 ? Icmp4.unreachable : Icmp6.unreachable;
      this.#sendError(packet, { type, code: version === 4 ? 1 : 3, rest: 0 }, now);
    }
  }

  #drop(reason: IpDropReason): void {
    this.dropped[reason] = (this.dropped[reason] ?? 0) + 1;
  }
}
