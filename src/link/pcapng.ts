/**
 * Capture files in pcapng (draft-ietf-opsawg-pcapng): the blocks, to write a file piece by piece, and a reader that
 * takes files of either byte order and skips what it does not know. Written numbers are big-endian.
 */

import type { Instant } from "../base/time.ts";
import { utf8 } from "../wire/text.ts";
import { Writer } from "../wire/writer.ts";

const SECTION_HEADER_BLOCK = 0x0a0d0d0a;
const INTERFACE_DESCRIPTION_BLOCK = 1;
const SIMPLE_PACKET_BLOCK = 3;
const ENHANCED_PACKET_BLOCK = 6;
const DECRYPTION_SECRETS_BLOCK = 10;

const BYTE_ORDER_MAGIC = 0x1a2b3c4d;
/** "TLSK": an SSLKEYLOGFILE. */
const TLS_KEY_LOG = 0x544c534b;

const OPTION_COMMENT = 1;
const OPTION_INTERFACE_NAME = 2;
const OPTION_RESOLUTION = 9;
const END_OF_OPTIONS = 4;

export const LinkType = { ethernet: 1, rawIp: 101 } as const;

/** One option and the end of options. */
function option(code: number, text: string | undefined): Uint8Array {
  if (text === undefined) return new Uint8Array(0);
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

/** The first block of a file. */
export function sectionHeader(): Uint8Array {
  const writer = new Writer(new Uint8Array(16));
  writer.uint32(BYTE_ORDER_MAGIC);
  writer.uint16(1);
  writer.uint16(0);
  // Section length unknown: -1.
  writer.fill(0xff, 8);
  return block(SECTION_HEADER_BLOCK, writer.bytes);
}

/** Packets refer to interfaces by number, in order of description. Timestamps are in microseconds by default. */
export function interfaceDescription(linkType: number, name?: string): Uint8Array {
  const options = option(OPTION_INTERFACE_NAME, name);
  const writer = new Writer(new Uint8Array(8 + options.length));
  writer.uint16(linkType);
  writer.uint16(0);
  // No limit on the packet length.
  writer.uint32(0);
  writer.write(options);
  return block(INTERFACE_DESCRIPTION_BLOCK, writer.bytes);
}

/** The lines of an SSLKEYLOGFILE (RFC 9850). Must precede the packets that they decrypt. */
export function decryptionSecrets(keyLog: string): Uint8Array {
  const secrets = utf8(keyLog);
  const writer = new Writer(new Uint8Array(8 + secrets.length));
  writer.uint32(TLS_KEY_LOG);
  writer.uint32(secrets.length);
  writer.write(secrets);
  return block(DECRYPTION_SECRETS_BLOCK, writer.bytes);
}

/** `time` is in microseconds, since 1970 for analyzers that print dates. */
export function packetBlock(time: Instant, bytes: Uint8Array, interfaceNumber: number, comment?: string): Uint8Array {
  const padded = Math.ceil(bytes.length / 4) * 4;
  const options = option(OPTION_COMMENT, comment);
  const writer = new Writer(new Uint8Array(20 + padded + options.length));
  writer.uint32(interfaceNumber);
  writer.uint32(Math.floor(time / 0x1_0000_0000));
  writer.uint32(time % 0x1_0000_0000);
  writer.uint32(bytes.length);
  writer.uint32(bytes.length);
  writer.write(bytes);
  writer.fill(0, padded - bytes.length);
  writer.write(options);
  return block(ENHANCED_PACKET_BLOCK, writer.bytes);
}

export interface CapturedPacket {
  /** Microseconds; 0 if the file does not say. */
  readonly time: number;
  readonly linkType: number;
  readonly bytes: Uint8Array;
  /** Bytes on the wire, more than `bytes` has if the capture cut the packet. */
  readonly originalLength: number;
}

/** What a capture holds. `isTruncated` is true if the file ends within a block or is malformed from there on. */
export interface Capture {
  readonly packets: readonly CapturedPacket[];
  readonly secrets: readonly Uint8Array[];
  readonly isTruncated: boolean;
}

interface CaptureInterface {
  readonly linkType: number;
  /** Timestamp units per microsecond. */
  readonly unitsPerMicro: number;
}

/** Reads a whole file. Throws a `SyntaxError` if it is not pcapng at all. */
export function readPcapng(file: Uint8Array): Capture {
  const view = new DataView(file.buffer, file.byteOffset, file.length);
  if (file.length < 12 || view.getUint32(0) !== SECTION_HEADER_BLOCK) throw new SyntaxError("not a pcapng file");
  const packets: CapturedPacket[] = [];
  const secrets: Uint8Array[] = [];
  let interfaces: CaptureInterface[] = [];
  let little = false;
  let at = 0;
  while (at + 12 <= file.length) {
    if (view.getUint32(at) === SECTION_HEADER_BLOCK) {
      little = view.getUint32(at + 8) !== BYTE_ORDER_MAGIC;
      interfaces = [];
    }
    const type = view.getUint32(at, little);
    const length = view.getUint32(at + 4, little);
    if (length < 12 || length % 4 !== 0 || at + length > file.length) break;
    const body = new DataView(file.buffer, file.byteOffset + at + 8, length - 12);
    readBlock(type, body, little, interfaces, packets, secrets);
    at += length;
  }
  return { packets, secrets, isTruncated: at !== file.length };
}

function readBlock(
  type: number,
  body: DataView,
  little: boolean,
  interfaces: CaptureInterface[],
  packets: CapturedPacket[],
  secrets: Uint8Array[],
): void {
  const bytes = (from: number, length: number): Uint8Array =>
    new Uint8Array(body.buffer, body.byteOffset + from, Math.min(length, Math.max(0, body.byteLength - from)));
  if (type === INTERFACE_DESCRIPTION_BLOCK && body.byteLength >= 8) {
    interfaces.push({ linkType: body.getUint16(0, little), unitsPerMicro: resolution(body, little) });
  } else if (type === ENHANCED_PACKET_BLOCK && body.byteLength >= 20) {
    const from = interfaces[body.getUint32(0, little)];
    if (from === undefined) return;
    const units = body.getUint32(4, little) * 0x1_0000_0000 + body.getUint32(8, little);
    const captured = bytes(20, body.getUint32(12, little));
    const originalLength = body.getUint32(16, little);
    packets.push({ time: units / from.unitsPerMicro, linkType: from.linkType, bytes: captured, originalLength });
  } else if (type === SIMPLE_PACKET_BLOCK && body.byteLength >= 4 && interfaces[0] !== undefined) {
    const originalLength = body.getUint32(0, little);
    packets.push({ time: 0, linkType: interfaces[0].linkType, bytes: bytes(4, originalLength), originalLength });
  } else if (type === DECRYPTION_SECRETS_BLOCK && body.byteLength >= 8 && body.getUint32(0, little) === TLS_KEY_LOG) {
    secrets.push(bytes(8, body.getUint32(4, little)));
  }
}

/** The if_tsresol option: a power of ten, or of two if its high bit is set. */
function resolution(body: DataView, little: boolean): number {
  for (let at = 8; at + 4 <= body.byteLength; ) {
    const code = body.getUint16(at, little);
    const length = body.getUint16(at + 2, little);
    if (code === 0) break;
    if (code === OPTION_RESOLUTION && length >= 1 && at + 4 < body.byteLength) {
      const exponent = body.getUint8(at + 4);
      return (exponent & 0x80) === 0 ? 10 ** exponent / 1e6 : 2 ** (exponent & 0x7f) / 1e6;
    }
    at += 4 + Math.ceil(length / 4) * 4;
  }
  return 1;
}
