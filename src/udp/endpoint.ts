/** The UDP sockets of a host: which socket a datagram is for, ports, and errors that ICMP reports. */

import type { Rng } from "../base/rng.ts";
import type { Instant } from "../base/time.ts";
import type { IcmpError, IcmpErrorKind } from "../ip/index.ts";
import {
  type IpPacket,
  isMulticast,
  isUnspecified,
  type OutgoingPacket,
  Protocol,
  type SendResult,
} from "../ip/index.ts";
import { addressKey } from "../wire/ip-address.ts";
import { emitUdp, parseUdp, UDP_HEADER, type UdpDropReason } from "./datagram.ts";

/** RFC 6335 §6. */
const FIRST_EPHEMERAL = 49_152;
const EPHEMERAL_PORTS = 65_536 - FIRST_EPHEMERAL;

export interface UdpEnd {
  readonly address: Uint8Array;
  readonly port: number;
}

export interface UdpDatagram {
  readonly remote: UdpEnd;
  readonly local: UdpEnd;
  /** Valid only during the call. */
  readonly payload: Uint8Array;
  readonly ecn: number;
  readonly hopLimit: number;
}

export interface UdpSendOptions {
  /** The source; the socket's address or the layer's choice by default. */
  readonly source?: Uint8Array;
  readonly hopLimit?: number;
  /** Diffserv and ECN bits. */
  readonly trafficClass?: number;
  readonly dontFragment?: boolean;
}

export interface UdpOwner {
  send(packet: OutgoingPacket, now: Instant): SendResult;
}

export interface BindOptions {
  readonly version: 4 | 6;
  /** All addresses of the version if undefined. */
  readonly address?: Uint8Array | undefined;
  /** Chosen at random if 0. */
  readonly port: number;
}

export class UdpBinding {
  readonly version: 4 | 6;
  readonly address: Uint8Array | undefined;
  readonly port: number;
  /** With a remote end, the binding receives only from there, and learns of errors. */
  remote: UdpEnd | undefined;
  onDatagram: ((datagram: UdpDatagram, now: Instant) => void) | undefined;
  onError: ((kind: IcmpErrorKind, destination: UdpEnd, now: Instant) => void) | undefined;
  readonly #endpoint: UdpEndpoint;

  constructor(endpoint: UdpEndpoint, { version, address }: BindOptions, port: number) {
    this.#endpoint = endpoint;
    this.version = version;
    this.address = address;
    this.port = port;
  }

  send(payload: Uint8Array, to: UdpEnd, now: Instant, options?: UdpSendOptions): SendResult {
    return this.#endpoint.send(this, payload, to, now, options);
  }

  close(): void {
    this.#endpoint.unbind(this);
  }
}

export class UdpEndpoint {
  readonly dropped: Partial<Record<UdpDropReason, number>> = {};
  readonly #owner: UdpOwner;
  readonly #rng: Rng;
  /** By version and port. */
  readonly #bindings = new Map<number, UdpBinding[]>();

  constructor(owner: UdpOwner, rng: Rng) {
    this.#owner = owner;
    this.#rng = rng;
  }

  /** Undefined if the address and port are taken, or no port is free. */
  bind(options: BindOptions): UdpBinding | undefined {
    const port = options.port === 0 ? this.#freePort(options) : options.port;
    if (port === undefined || this.#isTaken(options, port)) return undefined;
    const binding = new UdpBinding(this, options, port);
    const key = keyOf(options.version, port);
    this.#bindings.set(key, [...(this.#bindings.get(key) ?? []), binding]);
    return binding;
  }

  unbind(binding: UdpBinding): void {
    const key = keyOf(binding.version, binding.port);
    const left = (this.#bindings.get(key) ?? []).filter((other) => other !== binding);
    if (left.length === 0) this.#bindings.delete(key);
    else this.#bindings.set(key, left);
  }

  send(
    { address, port: sourcePort }: UdpBinding,
    payload: Uint8Array,
    to: UdpEnd,
    now: Instant,
    options: UdpSendOptions = {},
  ): SendResult {
    return this.#owner.send(
      {
        source: options.source ?? address,
        destination: to.address,
        protocol: Protocol.udp,
        length: UDP_HEADER + payload.length,
        checksumOffset: 6,
        hopLimit: options.hopLimit,
        trafficClass: options.trafficClass ?? 0,
        dontFragment: options.dontFragment ?? false,
        transportHeader: UDP_HEADER,
        emit: (target, at) => emitUdp(target, at, sourcePort, to.port, payload),
      },
      now,
    );
  }

  /** Returns false if no socket wants the datagram. */
  handle(packet: IpPacket, now: Instant): boolean {
    const header = parseUdp(packet);
    if (typeof header === "string") {
      this.dropped[header] = (this.dropped[header] ?? 0) + 1;
      return true;
    }
    const { sourcePort, destinationPort, start, end } = header;
    const { source, destination, trafficClass, hopLimit, bytes } = packet;
    const datagram: UdpDatagram = {
      remote: { address: source, port: sourcePort },
      local: { address: destination, port: destinationPort },
      payload: bytes.subarray(start, end),
      ecn: trafficClass & 3,
      hopLimit,
    };
    const all = this.#bindings.get(keyOf(packet.version, destinationPort)) ?? [];
    const fitting = all.filter((binding) => fits(binding, datagram));
    if (isMulticast(destination)) {
      for (const binding of fitting) binding.onDatagram?.(datagram, now);
      return true;
    }
    // The most specific socket: connected before bound to an address before bound to all.
    const best = fitting.sort((a, b) => rank(b) - rank(a))[0];
    best?.onDatagram?.(datagram, now);
    return best !== undefined;
  }

  /** Returns true if one of the sockets may have sent the quoted datagram. */
  handleError({ kind, source, destination, transport }: IcmpError, now: Instant): boolean {
    const version = source.length === 4 ? 4 : 6;
    const sourcePort = (transport[0]! << 8) | transport[1]!;
    const port = (transport[2]! << 8) | transport[3]!;
    const senders = (this.#bindings.get(keyOf(version, sourcePort)) ?? []).filter(
      ({ address }) => address === undefined || addressKey(address) === addressKey(source),
    );
    for (const binding of senders) binding.onError?.(kind, { address: destination, port }, now);
    return senders.length > 0;
  }

  #isTaken({ version, address }: BindOptions, port: number): boolean {
    return (this.#bindings.get(keyOf(version, port)) ?? []).some(
      (other) =>
        other.address === undefined || address === undefined || addressKey(other.address) === addressKey(address),
    );
  }

  /** RFC 6056 §3.3.1: random, then the next free one. */
  #freePort(options: BindOptions): number | undefined {
    const start = this.#rng.uint32() % EPHEMERAL_PORTS;
    for (let i = 0; i < EPHEMERAL_PORTS; i += 1) {
      const port = FIRST_EPHEMERAL + ((start + i) % EPHEMERAL_PORTS);
      if (!this.#isTaken(options, port)) return port;
    }
    return undefined;
  }
}

const keyOf = (version: 4 | 6, port: number): number => version * 65_536 + port;

function fits({ address, remote }: UdpBinding, datagram: UdpDatagram): boolean {
  const isFor = address === undefined || isUnspecified(address) || isMulticast(datagram.local.address);
  if (!isFor && addressKey(address) !== addressKey(datagram.local.address)) return false;
  if (remote === undefined) return true;
  return remote.port === datagram.remote.port && addressKey(remote.address) === addressKey(datagram.remote.address);
}

const rank = ({ remote, address }: UdpBinding): number =>
  (remote === undefined ? 0 : 2) + (address === undefined ? 0 : 1);
