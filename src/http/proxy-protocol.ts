/**
 * The PROXY protocol, versions 1 and 2 (HAProxy's proxy-protocol.txt): a header before the first byte of a TCP connection, in
 * which a load balancer says whose connection it passes on.
 *
 * The parser takes only what the specification permits, and at most MAX_V1 or 16 + MAX_V2 bytes. It skips the additional
 * fields of version 2 (TLVs), such as checksums.
 */

import { formatIpAddress, parseIpAddress } from "../wire/ip-address.ts";

export interface ProxyEndpoint {
  readonly address: string;
  readonly port: number;
}

/** Whose connection it is. */
export interface ProxiedConnection {
  readonly source: ProxyEndpoint;
  readonly destination: ProxyEndpoint;
}

export interface ProxyHeader {
  /** The header's length in bytes. */
  readonly length: number;
  /** Undefined if the connection is the proxy's own (LOCAL), or its addresses are not IP addresses (UNKNOWN). */
  readonly connection: ProxiedConnection | undefined;
}

/** What was received is not the header. */
export class ProxyHeaderError extends Error {
  /** The offset of the field at fault. */
  readonly offset: number;

  constructor(problem: string, offset: number) {
    super(`invalid PROXY protocol header: ${problem} at byte ${offset}`);
    this.name = "ProxyHeaderError";
    this.offset = offset;
  }
}

/** §2.1: with CR and LF. */
const MAX_V1 = 107;
/** After the fixed 16 bytes; addresses of UNIX sockets take 216 of them, and TLVs the rest. */
const MAX_V2 = 2_048;

/** §2.2 */
const SIGNATURE = Uint8Array.of(0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a);
const FIXED = 16;
const TEXT_SIGNATURE = "PROXY ";

/** The lengths of both addresses and ports by family: AF_UNSPEC, AF_INET, AF_INET6, AF_UNIX. */
const ADDRESS_LENGTHS = [0, 12, 36, 216];
const [AF_INET, AF_INET6, STREAM] = [1, 2, 1];

/** Parses the header at the start of a connection. Returns "more" while it is incomplete. Throws a ProxyHeaderError. */
export function parseProxyHeader(bytes: Uint8Array): ProxyHeader | "more" {
  if (bytes.length === 0) return "more";
  return bytes[0] === SIGNATURE[0] ? parseV2(bytes) : parseV1(bytes);
}

function parseV1(bytes: Uint8Array): ProxyHeader | "more" {
  for (let i = 0; i < Math.min(bytes.length, TEXT_SIGNATURE.length); i += 1) {
    if (bytes[i] !== TEXT_SIGNATURE.charCodeAt(i)) throw new ProxyHeaderError("no signature", i);
  }
  const feed = bytes.subarray(0, MAX_V1).indexOf(0x0a);
  if (feed === -1) {
    if (bytes.length >= MAX_V1) throw new ProxyHeaderError("no end of line", MAX_V1);
    return "more";
  }
  if (bytes[feed - 1] !== 0x0d) throw new ProxyHeaderError("LF without CR", feed);
  const line = String.fromCharCode(...bytes.subarray(0, feed - 1));
  const length = feed + 1;
  // §2.1: the rest of the line is ignored.
  if (line === "PROXY UNKNOWN" || line.startsWith("PROXY UNKNOWN ")) return { length, connection: undefined };
  const match = /^PROXY TCP([46]) (\S+) (\S+) (0|[1-9]\d{0,4}) (0|[1-9]\d{0,4})$/.exec(line);
  if (match === null) throw new ProxyHeaderError("malformed line", TEXT_SIGNATURE.length);
  const [, version, source = "", destination = "", sourcePort, destinationPort] = match;
  const endpoint = (text: string, port: string | undefined): ProxyEndpoint => {
    const address = text.includes("%") ? undefined : parseIpAddress(text);
    if (address?.length !== (version === "4" ? 4 : 16)) {
      throw new ProxyHeaderError(`not an IPv${version} address`, line.indexOf(text));
    }
    if (Number(port) > 0xffff) throw new ProxyHeaderError("not a port", line.lastIndexOf(port!));
    return { address: formatIpAddress(address!), port: Number(port) };
  };
  const connection = { source: endpoint(source, sourcePort), destination: endpoint(destination, destinationPort) };
  return { length, connection };
}

function parseV2(bytes: Uint8Array): ProxyHeader | "more" {
  for (let i = 0; i < Math.min(bytes.length, SIGNATURE.length); i += 1) {
    if (bytes[i] !== SIGNATURE[i]) throw new ProxyHeaderError("no signature", i);
  }
  if (bytes.length < FIXED) return "more";
  const [versionAndCommand, familyAndProtocol] = [bytes[12]!, bytes[13]!];
  if (versionAndCommand >> 4 !== 2) throw new ProxyHeaderError("not version 2", 12);
  const command = versionAndCommand & 0xf;
  if (command > 1) throw new ProxyHeaderError("unknown command", 12);
  const [family, protocol] = [familyAndProtocol >> 4, familyAndProtocol & 0xf];
  if (family > 3 || protocol > 2) throw new ProxyHeaderError("unknown address family or protocol", 13);
  const length = (bytes[14]! << 8) | bytes[15]!;
  if (length > MAX_V2) throw new ProxyHeaderError(`more than ${MAX_V2} bytes`, 14);
  if (command === 1 && length < ADDRESS_LENGTHS[family]!) throw new ProxyHeaderError("too short for its addresses", 14);
  if (bytes.length < FIXED + length) return "more";
  const total = FIXED + length;
  const isIp = family === AF_INET || family === AF_INET6;
  // LOCAL, and whatever is not TCP over IP: the connection's own addresses count.
  if (command === 0 || !isIp || protocol !== STREAM) return { length: total, connection: undefined };
  const size = family === AF_INET ? 4 : 16;
  const addressAt = (at: number): string => formatIpAddress(bytes.subarray(at, at + size));
  const portAt = (at: number): number => (bytes[at]! << 8) | bytes[at + 1]!;
  const ports = FIXED + 2 * size;
  return {
    length: total,
    connection: {
      source: { address: addressAt(FIXED), port: portAt(ports) },
      destination: { address: addressAt(FIXED + size), port: portAt(ports + 2) },
    },
  };
}

/** Writes the header for a connection. If only one address is IPv4, it becomes an IPv4-mapped IPv6 address. */
export function emitProxyHeader(version: 1 | 2, { source, destination }: ProxiedConnection): Uint8Array {
  const [from, to] = sameFamily(bytesOf(source.address), bytesOf(destination.address));
  if (version === 1) {
    const addresses = `${formatIpAddress(from)} ${formatIpAddress(to)}`;
    const line = `PROXY TCP${from.length === 4 ? 4 : 6} ${addresses} ${source.port} ${destination.port}\r\n`;
    return Uint8Array.from(line, (char) => char.charCodeAt(0));
  }
  const length = 2 * from.length + 4;
  const bytes = new Uint8Array(FIXED + length);
  bytes.set(SIGNATURE);
  bytes[12] = 0x21;
  bytes[13] = ((from.length === 4 ? AF_INET : AF_INET6) << 4) | STREAM;
  bytes[15] = length;
  bytes.set(from, FIXED);
  bytes.set(to, FIXED + from.length);
  const ports = new DataView(bytes.buffer, FIXED + 2 * from.length);
  ports.setUint16(0, source.port);
  ports.setUint16(2, destination.port);
  return bytes;
}

/** Writes the header for a connection of the proxy's own, such as a health check. */
export function emitLocalHeader(version: 1 | 2): Uint8Array {
  if (version === 1) return Uint8Array.from("PROXY UNKNOWN\r\n", (char) => char.charCodeAt(0));
  return Uint8Array.of(...SIGNATURE, 0x20, 0, 0, 0);
}

function bytesOf(address: string): Uint8Array {
  const bytes = parseIpAddress(address);
  if (bytes === undefined) throw new RangeError(`${address} is not an IP address`);
  return bytes;
}

function sameFamily(one: Uint8Array, two: Uint8Array): [Uint8Array, Uint8Array] {
  return one.length === two.length ? [one, two] : [mapped(one), mapped(two)];
}

/** RFC 4291 §2.5.5.2 */
function mapped(bytes: Uint8Array): Uint8Array {
  if (bytes.length === 16) return bytes;
  const wide = new Uint8Array(16);
  wide.fill(0xff, 10, 12);
  wide.set(bytes, 12);
  return wide;
}
