/**
 * Parses packet headers before header protection is removed (RFC 9000 §17, RFC 8999): just enough to find the
 * connection, the keys, and the next coalesced packet. Copies nothing.
 *
 * Returns undefined for a malformed packet, which is silently dropped, since it is not authenticated. Its datagram may
 * still be a stateless reset (RFC 9000 §10.3); the owner of the tokens checks for that.
 */

import { SAMPLE_LENGTH } from "../../crypto/engine.ts";
import { findVersion, type QuicVersion } from "../versions/index.ts";
import { MAX_CONNECTION_ID_LENGTH } from "./connection-id.ts";
import { QUIC_BIT } from "./quic-bit.ts";

export type PacketForm =
  | "initial"
  | "zero-rtt"
  | "handshake"
  | "retry"
  | "one-rtt"
  | "version-negotiation"
  /** A long header of an unsupported version: only the version and the ids have a meaning (RFC 8999 §5.1). */
  | "unknown-version";

export interface PacketHeader {
  readonly form: PacketForm;
  /** 0 in Version Negotiation packets, and in 1-RTT packets, which do not carry a version. */
  readonly version: number;
  /** Offset of the packet. */
  readonly start: number;
  /** Offset of its end, where the next coalesced packet begins. */
  readonly end: number;
  /** Offset of the protected packet number; the end of the readable part in packets without one. */
  readonly packetNumberOffset: number;
  /**
   * Destination Connection ID: a new view of the datagram. `connectionIdKey(bytes, destinationStart, destinationEnd)`
   * is cheaper.
   */
  readonly destination: Uint8Array;
  readonly destinationStart: number;
  readonly destinationEnd: number;
  /** Source Connection ID: a view; empty in 1-RTT packets. */
  readonly source: Uint8Array;
  /** Token of an Initial or Retry packet: a view; empty elsewhere. */
  readonly token: Uint8Array;
  /** The versions listed in a Version Negotiation packet. */
  readonly versions: readonly number[] | undefined;
  /** The last 16 bytes of a Retry packet: a view. */
  readonly integrityTag: Uint8Array | undefined;
}

const HEADER_FORM = 0x80;
/**
 * RFC 9001 §5.4.2: the sample is taken as if the packet number had four bytes, so at least 4 + 16 bytes follow the
 * header.
 */
const SHORTEST_PROTECTED = 4 + SAMPLE_LENGTH;
const RETRY_TAG_LENGTH = 16;

class ParsedHeader implements PacketHeader {
  readonly form: PacketForm;
  readonly version: number;
  readonly start: number;
  end: number;
  packetNumberOffset: number;
  readonly destinationStart: number;
  readonly destinationEnd: number;
  sourceStart: number;
  sourceEnd: number;
  tokenStart = 0;
  tokenEnd = 0;
  versions: readonly number[] | undefined;
  readonly #bytes: Uint8Array;

  /** Sets the version-independent fields (RFC 8999 §5). The parser of each form fills in the rest. */
  constructor(
    form: PacketForm,
    version: number,
    bytes: Uint8Array,
    start: number,
    end: number,
    destinationStart: number,
    destinationEnd: number,
  ) {
    this.form = form;
    this.version = version;
    this.#bytes = bytes;
    this.start = start;
    this.end = end;
    this.destinationStart = destinationStart;
    this.destinationEnd = destinationEnd;
    this.packetNumberOffset = destinationEnd;
    this.sourceStart = destinationEnd;
    this.sourceEnd = destinationEnd;
  }

  get destination(): Uint8Array {
    return this.#bytes.subarray(this.destinationStart, this.destinationEnd);
  }

  get source(): Uint8Array {
    return this.#bytes.subarray(this.sourceStart, this.sourceEnd);
  }

  get token(): Uint8Array {
    return this.#bytes.subarray(this.tokenStart, this.tokenEnd);
  }

  get integrityTag(): Uint8Array | undefined {
    return this.form === "retry" ? this.#bytes.subarray(this.tokenEnd, this.end) : undefined;
  }
}

/**
 * Parses the header of the packet from `start` in a datagram that ends at `end`. `shortIdLength` is the length of the
 * connection ids that we issue, which a short header does not carry. `ignoresQuicBit` is true if this endpoint has announced
 * that it accepts packets without the bit (RFC 9287).
 */
export function parsePacketHeader(
  bytes: Uint8Array,
  start: number,
  end: number,
  shortIdLength: number,
  ignoresQuicBit = false,
): PacketHeader | undefined {
  if (start >= end) return undefined;
  const first = bytes[start]!;
  if ((first & HEADER_FORM) !== 0) return parseLongHeader(bytes, start, end, ignoresQuicBit);

  const idEnd = start + 1 + shortIdLength;
  if (!isShortHeader(bytes, start, idEnd, end, ignoresQuicBit)) return undefined;
  return new ParsedHeader("one-rtt", 0, bytes, start, end, start + 1, idEnd);
}

/** True if a 1-RTT packet, whose connection id ends at `idEnd`, lies in [start, end) (RFC 9000 §17.3.1). */
export function isShortHeader(
  bytes: Uint8Array,
  start: number,
  idEnd: number,
  end: number,
  ignoresQuicBit: boolean,
): boolean {
  const first = bytes[start]!;
  if ((first & HEADER_FORM) !== 0 || ((first & QUIC_BIT) === 0 && !ignoresQuicBit)) return false;
  return idEnd + SHORTEST_PROTECTED <= end;
}

function parseLongHeader(
  bytes: Uint8Array,
  start: number,
  end: number,
  ignoresQuicBit: boolean,
): PacketHeader | undefined {
  // RFC 8999 §5.1: the long header fields of every version.
  if (start + 7 > end) return undefined;
  const version =
    ((bytes[start + 1]! << 24) | (bytes[start + 2]! << 16) | (bytes[start + 3]! << 8) | bytes[start + 4]!) >>> 0;
  const destinationStart = start + 6;
  const destinationEnd = destinationStart + bytes[start + 5]!;
  if (destinationEnd + 1 > end) return undefined;
  const sourceStart = destinationEnd + 1;
  const sourceEnd = sourceStart + bytes[destinationEnd]!;
  if (sourceEnd > end) return undefined;

  const known = findVersion(version);
  const form = version === 0 ? "version-negotiation" : known ? longForm(known, bytes[start]!) : "unknown-version";
  const header = new ParsedHeader(form, version, bytes, start, end, destinationStart, destinationEnd);
  header.sourceStart = sourceStart;
  header.sourceEnd = sourceEnd;
  header.packetNumberOffset = sourceEnd;

  if (form === "version-negotiation") return readVersions(header, bytes);
  // Neither the Fixed Bit nor the limit on connection ids is version-independent (RFC 8999 §5.3).
  if (form === "unknown-version") return header;

  if ((bytes[start]! & QUIC_BIT) === 0 && !ignoresQuicBit) return undefined; // RFC 9000 §17.2
  if (destinationEnd - destinationStart > MAX_CONNECTION_ID_LENGTH) return undefined; // RFC 9000 §17.2
  if (sourceEnd - sourceStart > MAX_CONNECTION_ID_LENGTH) return undefined;
  return form === "retry" ? readRetry(header) : readProtected(header, bytes);
}

function longForm(version: QuicVersion, first: number): PacketForm {
  const bits = (first >> 4) & 0b11;
  const types = version.longPacketTypes;
  if (bits === types.initial) return "initial";
  if (bits === types.handshake) return "handshake";
  return bits === types.retry ? "retry" : "zero-rtt";
}

/** RFC 9000 §17.2.1. */
function readVersions(header: ParsedHeader, bytes: Uint8Array): PacketHeader | undefined {
  const length = header.end - header.sourceEnd;
  if (length === 0 || length % 4 !== 0) return undefined;
  const versions: number[] = [];
  for (let at = header.sourceEnd; at < header.end; at += 4) {
    versions.push(((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0);
  }
  header.versions = versions;
  return header;
}

/** RFC 9000 §17.2.5. */
function readRetry(header: ParsedHeader): PacketHeader | undefined {
  header.tokenStart = header.sourceEnd;
  header.tokenEnd = header.end - RETRY_TAG_LENGTH;
  // RFC 9000 §17.2.5.2: a Retry with an empty token is discarded.
  if (header.tokenEnd <= header.tokenStart) return undefined;
  header.packetNumberOffset = header.end;
  return header;
}

/** Initial, 0-RTT and Handshake: RFC 9000 §17.2.2-17.2.4. */
function readProtected(header: ParsedHeader, bytes: Uint8Array): PacketHeader | undefined {
  let at = header.sourceEnd;
  if (header.form === "initial") {
    const tokenLength = readVarint(bytes, at, header.end);
    if (tokenLength < 0) return undefined;
    at += 1 << (bytes[at]! >> 6);
    if (tokenLength > header.end - at) return undefined;
    header.tokenStart = at;
    header.tokenEnd = at += tokenLength;
  }
  const length = readVarint(bytes, at, header.end);
  if (length < SHORTEST_PROTECTED) return undefined;
  at += 1 << (bytes[at]! >> 6);
  if (length > header.end - at) return undefined;
  header.packetNumberOffset = at;
  header.end = at + length;
  return header;
}

/** Reads a varint (RFC 9000 §16). Returns -1 if it does not fit: that is not an error here, the packet is dropped. */
function readVarint(bytes: Uint8Array, at: number, end: number): number {
  if (at >= end) return -1;
  const first = bytes[at]!;
  const length = 1 << (first >> 6);
  if (at + length > end) return -1;
  let value = first & 0x3f;
  for (let i = 1; i < length; i += 1) value = value * 256 + bytes[at + i]!;
  return value;
}
