/**
 * Writes a run as a pcapng capture file (draft-ietf-opsawg-pcapng) for packet analyzers. The simulated network carries
 * only UDP payloads, so IP and UDP headers are synthesized; the link type is "raw IP". May include the machines' key
 * log, so that the analyzer can decrypt.
 *
 * All numbers are big-endian, as the byte-order magic of the first block indicates.
 */

import type { SocketAddress } from "../base/datagrams.ts";
import type { Instant } from "../base/time.ts";
import { parseIpAddress } from "../wire/ip-address.ts";
import { utf8 } from "../wire/text.ts";
import { Writer } from "../wire/writer.ts";
import type { CaptureRecord, SimulatedDatagram } from "./datagram.ts";

const SECTION_HEADER_BLOCK = 0x0a0d0d0a;
const INTERFACE_DESCRIPTION_BLOCK = 1;
const ENHANCED_PACKET_BLOCK = 6;
const DECRYPTION_SECRETS_BLOCK = 10;

const BYTE_ORDER_MAGIC = 0x1a2b3c4d;
const LINKTYPE_RAW = 101;
/** "TLSK": an SSLKEYLOGFILE. */
const TLS_KEY_LOG = 0x544c534b;

const UDP = 17;
const HOP_LIMIT = 64;
const IPV4_HEADER = 20;
const IPV6_HEADER = 40;
const UDP_HEADER = 8;
const DONT_FRAGMENT = 0x4000;

const OPTION_COMMENT = 1;
const OPTION_INTERFACE_NAME = 2;
const END_OF_OPTIONS = 4;

/** One option and the end of options. */
function option(code: number, text: string): Uint8Array {
  const value = utf8(text);
  const padded = Math.ceil(value.length / 4) * 4;
  const writer = new Writer(new Uint8Array(4 + padded + END_OF_OPTIONS));
  writer.uint16(code);
  writer.uint16(value.length);
  writer.write(value);
  writer.fill(0, padded - value.length);
  writer.uint32(0);
  return writer.bytes;
}

const NO_OPTION = new Uint8Array(0);

/** A block around `body`, padded to four bytes. */
function block(type: number, body: Uint8Array): Uint8Array {
  const padded = Math.ceil(body.length / 4) * 4;
  const length = padded + 12;
  const writer = new Writer(new Uint8Array(length));
  writer.uint32(type);
  writer.uint32(length);
  writer.write(body);
  writer.fill(0, padded - body.length);
  writer.uint32(length);
  return writer.bytes;
}

function sectionHeader(): Uint8Array {
  const writer = new Writer(new Uint8Array(16));
  writer.uint32(BYTE_ORDER_MAGIC);
  writer.uint16(1);
  writer.uint16(0);
  // Section length unknown: -1.
  writer.fill(0xff, 8);
  return block(SECTION_HEADER_BLOCK, writer.bytes);
}

/** Timestamps are in microseconds by default. */
function interfaceDescription(name?: string): Uint8Array {
  const options = name === undefined ? NO_OPTION : option(OPTION_INTERFACE_NAME, name);
  const writer = new Writer(new Uint8Array(8 + options.length));
  writer.uint16(LINKTYPE_RAW);
  writer.uint16(0);
  // No limit on the packet length.
  writer.uint32(0);
  writer.write(options);
  return block(INTERFACE_DESCRIPTION_BLOCK, writer.bytes);
}

function decryptionSecrets(keyLog: string): Uint8Array {
  const secrets = utf8(keyLog);
  const writer = new Writer(new Uint8Array(8 + secrets.length));
  writer.uint32(TLS_KEY_LOG);
  writer.uint32(secrets.length);
  writer.write(secrets);
  return block(DECRYPTION_SECRETS_BLOCK, writer.bytes);
}

function packet(time: Instant, bytes: Uint8Array, at: number, comment?: string): Uint8Array {
  const padded = Math.ceil(bytes.length / 4) * 4;
  const options = comment === undefined ? NO_OPTION : option(OPTION_COMMENT, comment);
  const writer = new Writer(new Uint8Array(20 + padded + options.length));
  writer.uint32(at);
  writer.uint32(Math.floor(time / 0x1_0000_0000));
  writer.uint32(time % 0x1_0000_0000);
  writer.uint32(bytes.length);
  writer.uint32(bytes.length);
  writer.write(bytes);
  writer.fill(0, padded - bytes.length);
  writer.write(options);
  return block(ENHANCED_PACKET_BLOCK, writer.bytes);
}

/** The ones' complement sum of 16-bit words (RFC 1071). */
function sumWords(bytes: Uint8Array, start: number, end: number): number {
  let sum = 0;
  for (let i = start; i + 1 < end; i += 2) sum += (bytes[i]! << 8) | bytes[i + 1]!;
  if ((end - start) % 2 === 1) sum += bytes[end - 1]! << 8;
  return sum;
}

function foldChecksum(sum: number): number {
  let folded = sum;
  while (folded > 0xffff) folded = (folded & 0xffff) + Math.floor(folded / 0x10000);
  return ~folded & 0xffff;
}

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
  if (source.family === 4) new DataView(ip.buffer).setUint16(10, foldChecksum(sumWords(ip, 0, IPV4_HEADER)));
  writer.uint16(source.port);
  writer.uint16(destination.port);
  writer.uint16(udpLength);
  writer.uint16(0);
  writer.write(bytes);
  const pseudoHeader = sumWords(from, 0, from.length) + sumWords(to, 0, to.length) + UDP + udpLength;
  const checksum = foldChecksum(pseudoHeader + sumWords(ip, ipHeader, ip.length));
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

  readonly capture = (record: CaptureRecord): void => {
    const { what, time, place, reason } = record;
    if (this.#point !== undefined) {
      if (what === this.#point) this.#packets.push(packet(time, toIpPacket(record.datagram), 0));
      return;
    }
    const at = this.#places.indexOf(place);
    if (at < 0 || (what === "dropped" && !this.#drops)) return;
    const comment = reason === undefined ? undefined : `dropped: ${reason}`;
    this.#packets.push(packet(time, toIpPacket(record.datagram), at, comment));
  };

  /** The whole file, including the lines of an SSLKEYLOGFILE (RFC 9850) if any. */
  finish(keyLog = ""): Uint8Array {
    const interfaces = this.#point === undefined ? this.#places : [undefined];
    const blocks = [sectionHeader(), ...interfaces.map((name) => interfaceDescription(name))];
    // Secrets must precede the packets that they decrypt.
    if (keyLog !== "") blocks.push(decryptionSecrets(keyLog));
    blocks.push(...this.#packets);
    const file = new Writer(new Uint8Array(blocks.reduce((sum, one) => sum + one.length, 0)));
    for (const one of blocks) file.write(one);
    return file.bytes;
  }
}
