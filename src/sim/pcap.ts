/**
 * Writes a run as a pcapng capture file (draft-ietf-opsawg-pcapng) for packet analyzers. The simulated network carries
 * only UDP payloads, so IP and UDP headers are synthesized; the link type is "raw IP". May include the machines' key
 * log, so that the analyzer can decrypt.
 */

import type { SocketAddress } from "../base/datagrams.ts";
import { decryptionSecrets, interfaceDescription, LinkType, packetBlock, sectionHeader } from "../link/index.ts";
import { finishChecksum, sumWords } from "../wire/checksum.ts";
import { parseIpAddress } from "../wire/ip-address.ts";
import { Writer } from "../wire/writer.ts";
import type { CaptureRecord, SimulatedDatagram } from "./datagram.ts";

const UDP = 17;
const HOP_LIMIT = 64;
const IPV4_HEADER = 20;
const IPV6_HEADER = 40;
const UDP_HEADER = 8;
const DONT_FRAGMENT = 0x4000;

function addressBytes(address: SocketAddress): Uint8Array {
  const bytes = parseIpAddress(address.host);
  if (bytes === undefined || bytes.length !== (address.family === 4 ? 4 : 16)) {
    throw new TypeError(`"${address.host}" is not an IPv${address.family} address`);
  }
  return bytes;
}

/** Wraps the datagram in UDP (RFC 768) and IP (RFC 791, RFC 8200). */
export function toIpPacket({ source, destination, ecn, dontFragment, bytes }: SimulatedDatagram): Uint8Array {
  const from = addressBytes(source);
  const to = addressBytes(destination);
  const ipHeader = source.family === 4 ? IPV4_HEADER : IPV6_HEADER;
  const udpLength = UDP_HEADER + bytes.length;
  const ip = new Uint8Array(ipHeader + udpLength);
  const writer = new Writer(ip);
  if (source.family === 4) {
    writer.uint8(0x45);
    writer.uint8(ecn);
    writer.uint16(ip.length);
    writer.uint16(0);
    writer.uint16(dontFragment ? DONT_FRAGMENT : 0);
    writer.uint8(HOP_LIMIT);
    writer.uint8(UDP);
    writer.uint16(0);
  } else {
    // Version 6, the traffic class with the ECN bits at its end, no flow label.
    writer.uint32((0x6000_0000 | (ecn << 20)) >>> 0);
    writer.uint16(udpLength);
    writer.uint8(UDP);
    writer.uint8(HOP_LIMIT);
  }
  writer.write(from);
  writer.write(to);
  if (source.family === 4) new DataView(ip.buffer).setUint16(10, finishChecksum(sumWords(ip, 0, IPV4_HEADER)));
  writer.uint16(source.port);
  writer.uint16(destination.port);
  writer.uint16(udpLength);
  writer.uint16(0);
  writer.write(bytes);
  const pseudoHeader = sumWords(from, 0, from.length) + sumWords(to, 0, to.length) + UDP + udpLength;
  const checksum = finishChecksum(pseudoHeader + sumWords(ip, ipHeader, ip.length));
  // Zero would mean "no checksum".
  new DataView(ip.buffer).setUint16(ipHeader + 6, checksum === 0 ? 0xffff : checksum);
  return ip;
}

/** Where to capture. */
export interface CapturePoints {
  /** Names of hosts, links and nodes; each becomes an interface of the file. */
  readonly places: readonly string[];
  /** Includes what is dropped there, with the reason as a comment; false by default. */
  readonly drops?: boolean;
}

/** Collects a run; pass its `capture` to the network. */
export class PcapWriter {
  readonly #packets: Uint8Array[] = [];
  readonly #point: CaptureRecord["what"] | undefined;
  readonly #places: readonly string[];
  readonly #drops: boolean;

  /**
   * Captures where datagrams leave their hosts, or where they arrive; or everything that passes the given places: what
   * hosts send and receive, what links carry, and what other nodes forward.
   */
  constructor(point: "sent" | "delivered" | CapturePoints = "sent") {
    this.#point = typeof point === "string" ? point : undefined;
    this.#places = typeof point === "string" ? [] : point.places;
    this.#drops = typeof point !== "string" && point.drops === true;
  }

  /** Adds a datagram. Pass it to a network's observers. */
  readonly capture = (record: CaptureRecord): void => {
    const { what, time, place, reason } = record;
    if (this.#point !== undefined) {
      if (what === this.#point) this.#packets.push(packetBlock(time, toIpPacket(record.datagram), 0));
      return;
    }
    const at = this.#places.indexOf(place);
    if (at < 0 || (what === "dropped" && !this.#drops)) return;
    const comment = reason === undefined ? undefined : `dropped: ${reason}`;
    this.#packets.push(packetBlock(time, toIpPacket(record.datagram), at, comment));
  };

  /** The whole file, including the lines of an SSLKEYLOGFILE (RFC 9850) if any. */
  finish(keyLog = ""): Uint8Array {
    const interfaces = this.#point === undefined ? this.#places : [undefined];
    const blocks = [sectionHeader(), ...interfaces.map((name) => interfaceDescription(LinkType.rawIp, name))];
    // Secrets must precede the packets that they decrypt.
    if (keyLog !== "") blocks.push(decryptionSecrets(keyLog));
    blocks.push(...this.#packets);
    const file = new Writer(new Uint8Array(blocks.reduce((sum, one) => sum + one.length, 0)));
    for (const one of blocks) file.write(one);
    return file.bytes;
  }
}
