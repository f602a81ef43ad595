/**
 * Writes the frames of a packet that this host sends: one frame, one large frame for a device that cuts it, or
 * fragments. Headers and payload are written once, in place, in one buffer that is reused.
 */

import { type Rng, randomBytes } from "../base/rng.ts";
import { SipHash } from "../crypto/siphash.ts";
import type { Offload } from "../link/index.ts";
import { ETHERNET_HEADER } from "../link/index.ts";
import { finishChecksum, foldSum, sumWords } from "../wire/checksum.ts";
import { emitIpv4, ipv4HeaderLength } from "./ipv4.ts";
import { emitIpv6, IPV6_FRAGMENT_HEADER, ipv6HeaderLength } from "./ipv6.ts";
import type { McpHintLayout } from "./mcphint.ts";
import { type Fragment, type OutgoingPacket, Protocol, type SendResult } from "./packet.ts";
import { sumPseudoHeader } from "./pseudo-header.ts";

/** Ethernet, IPv6 with a hint, and the largest payload. */
const BUFFER = ETHERNET_HEADER + 48 + 65_535;
const LARGEST_PACKET = 65_535;

export interface PacketFields {
  readonly source: Uint8Array;
  readonly hopLimit: number;
  readonly mtu: number;
  readonly hint: number | undefined;
}

/** Sends a frame whose Ethernet header is blank. The frame is valid only during the call. */
export type FrameSender = (frame: Uint8Array, offload?: Offload) => SendResult;

export class PacketWriter {
  readonly #layout: McpHintLayout;
  readonly #buffer = new Uint8Array(BUFFER);
  readonly #flowLabels: SipHash;
  /** RFC 6864 §4, RFC 7739: ids start at random and are unique for a while. */
  #nextId: number;

  constructor(layout: McpHintLayout, rng: Rng) {
    this.#layout = layout;
    this.#nextId = rng.uint32();
    this.#flowLabels = new SipHash(randomBytes(rng, 16));
  }

  write(packet: OutgoingPacket, fields: PacketFields, mayOffload: boolean, send: FrameSender): SendResult {
    const { destination, length, segmentSize = 0 } = packet;
    const version = destination.length === 4 ? 4 : 6;
    const header = version === 4 ? ipv4HeaderLength(fields.hint) : ipv6HeaderLength(fields.hint);
    const isLarge = header + length > fields.mtu;
    if (isLarge && !(mayOffload && segmentSize > 0)) {
      return packet.dontFragment === true ? "too-big" : this.#writeFragments(packet, fields, header, send);
    }
    if (header + length > LARGEST_PACKET + (version === 6 ? 40 : 0)) return "too-big";
    this.#emitHeader(packet, fields, length, undefined, ETHERNET_HEADER);
    const at = ETHERNET_HEADER + header;
    packet.emit(this.#buffer, at);
    const offload = this.#checksum(packet, fields.source, at, mayOffload, isLarge);
    return send(this.#buffer.subarray(0, at + length), offload);
  }

  /** Fills in the transport's checksum, or leaves the rest of it to the device. */
  #checksum(
    { destination, protocol, length, checksumOffset, segmentSize = 0, transportHeader = 0 }: OutgoingPacket,
    source: Uint8Array,
    at: number,
    mayOffload: boolean,
    isLarge: boolean,
  ): Offload | undefined {
    if (checksumOffset === undefined) return undefined;
    const pseudo = sumPseudoHeader(source, destination, protocol, length);
    const isOffloaded = mayOffload && (protocol === Protocol.tcp || protocol === Protocol.udp);
    const sum = isOffloaded ? foldSum(pseudo) : finishChecksum(sumWords(this.#buffer, at, at + length, pseudo));
    // RFC 768: a UDP checksum of zero is sent as ones.
    const value = !isOffloaded && sum === 0 && protocol === Protocol.udp ? 0xffff : sum;
    this.#buffer[at + checksumOffset] = value >>> 8;
    this.#buffer[at + checksumOffset + 1] = value;
    if (!isOffloaded) return undefined;
    return {
      checksumStart: at,
      checksumOffset,
      headerLength: at + transportHeader,
      segmentSize: isLarge ? segmentSize : 0,
      ipVersion: destination.length === 4 ? 4 : 6,
    };
  }

  /** RFC 791 §3.2, RFC 8200 §4.5. A hint is in every fragment. */
  #writeFragments(packet: OutgoingPacket, fields: PacketFields, header: number, send: FrameSender): SendResult {
    const { length, checksumOffset, protocol, destination } = packet;
    const version = destination.length === 4 ? 4 : 6;
    if (header + length > LARGEST_PACKET) return "too-big";
    const payload = new Uint8Array(length);
    packet.emit(payload, 0);
    if (checksumOffset !== undefined) {
      const pseudo = sumPseudoHeader(fields.source, destination, protocol, length);
      const sum = finishChecksum(sumWords(payload, 0, length, pseudo));
      const value = sum === 0 && protocol === Protocol.udp ? 0xffff : sum;
      payload[checksumOffset] = value >>> 8;
      payload[checksumOffset + 1] = value;
    }
    const full = header + (version === 6 ? IPV6_FRAGMENT_HEADER : 0);
    const room = (fields.mtu - full) & ~7;
    if (room <= 0) return "too-big";
    const id = this.#takeId();
    let result: SendResult = "sent";
    for (let offset = 0; offset < length; offset += room) {
      const part = payload.subarray(offset, offset + room);
      this.#emitHeader(packet, fields, part.length, { id, offset, isLast: offset + room >= length }, ETHERNET_HEADER);
      this.#buffer.set(part, ETHERNET_HEADER + full);
      result = send(this.#buffer.subarray(0, ETHERNET_HEADER + full + part.length));
      if (result !== "sent" && result !== "queued") return result;
    }
    return result;
  }

  #emitHeader(
    { destination, protocol, trafficClass = 0, dontFragment = false }: OutgoingPacket,
    { source, hopLimit, hint }: PacketFields,
    length: number,
    fragment: Fragment | undefined,
    at: number,
  ): void {
    const shared = { source, destination, protocol, trafficClass, hopLimit, length, hint };
    if (destination.length === 4) {
      const isWhole = fragment === undefined;
      // RFC 6864 §4.1: the id of a packet that cannot be fragmented means nothing.
      const id = isWhole ? (dontFragment ? 0 : this.#takeId()) : fragment.id;
      const part = isWhole ? {} : { fragmentOffset: fragment.offset, moreFragments: !fragment.isLast };
      emitIpv4(
        this.#buffer,
        at,
        { ...shared, id: id & 0xffff, dontFragment: dontFragment && isWhole, ...part },
        this.#layout,
      );
      return;
    }
    const flowLabel = this.#flowLabel(source, destination, protocol);
    emitIpv6(this.#buffer, at, { ...shared, flowLabel, ...(fragment === undefined ? {} : { fragment }) }, this.#layout);
  }

  /** RFC 6437 §3, by the addresses and the protocol, which every packet of a flow has in common. */
  #flowLabel(source: Uint8Array, destination: Uint8Array, protocol: number): number {
    const input = new Uint8Array(33);
    input.set(source);
    input.set(destination, 16);
    input[32] = protocol;
    this.#flowLabels.update(input);
    return this.#flowLabels.low & 0xf_ffff;
  }

  #takeId(): number {
    this.#nextId = (this.#nextId + 1) >>> 0;
    return this.#nextId;
  }
}
