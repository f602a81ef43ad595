/** What the wire shows of a client: attempts, and the first use of a connection. It does not matter what the client says. */

import { MCPHINT_LAYOUT, Protocol, parseIpv4, parseIpv6 } from "../../src/ip/index.ts";
import { ETHERNET_HEADER, EtherType, etherTypeOf } from "../../src/link/index.ts";
import { Flag, parseSegment } from "../../src/tcp/index.ts";
import { parseUdp } from "../../src/udp/index.ts";
import { formatIpAddress } from "../../src/wire/ip-address.ts";

export type Transport = "tcp" | "quic";

export interface Sighting {
  /**
   * A SYN or an Initial packet; the first bytes over a TCP connection; a packet that the client sends when TLS or QUIC has been
   * established.
   */
  readonly kind: "attempt" | "connected" | "secured";
  readonly transport: Transport;
  readonly address: string;
}

const HTTPS_PORT = 443;
const HTTP_PORTS: readonly number[] = [80, HTTPS_PORT];
/** RFC 8446 §5.1, §D.4: records of the client's second flight, change_cipher_spec and application_data. */
const AFTER_HELLO: readonly number[] = [20, 23];
/** RFC 9000 §17: the form bit and the fixed bit. */
const LONG_HEADER = 0xc0;
const SHORT_HEADER = 0x40;

/** What a frame from the client shows; undefined if nothing. */
export function sightingIn(frame: Uint8Array): Sighting | undefined {
  if (frame.length < ETHERNET_HEADER) return undefined;
  const type = etherTypeOf(frame);
  if (type !== EtherType.ipv4 && type !== EtherType.ipv6) return undefined;
  const parse = type === EtherType.ipv4 ? parseIpv4 : parseIpv6;
  const packet = parse(frame, ETHERNET_HEADER, frame.length, MCPHINT_LAYOUT);
  if (typeof packet === "string" || "drop" in packet || packet.fragment !== undefined) return undefined;
  const address = formatIpAddress(packet.destination);
  // The kernel leaves checksums to the device.
  const given = { ...packet, isVerified: true };
  if (packet.protocol === Protocol.tcp) {
    const segment = parseSegment(given);
    if (typeof segment === "string" || !HTTP_PORTS.includes(segment.destinationPort)) return undefined;
    if ((segment.flags & (Flag.syn | Flag.ack)) === Flag.syn) return { kind: "attempt", transport: "tcp", address };
    if (segment.end === segment.start) return undefined;
    const isSecured = segment.destinationPort === HTTPS_PORT && AFTER_HELLO.includes(segment.bytes[segment.start]!);
    return { kind: isSecured ? "secured" : "connected", transport: "tcp", address };
  }
  if (packet.protocol !== Protocol.udp) return undefined;
  const datagram = parseUdp(given);
  if (typeof datagram === "string" || !HTTP_PORTS.includes(datagram.destinationPort)) return undefined;
  const form = (packet.bytes[datagram.start] ?? 0) & LONG_HEADER;
  if (form === LONG_HEADER) return { kind: "attempt", transport: "quic", address };
  return form === SHORT_HEADER ? { kind: "secured", transport: "quic", address } : undefined;
}
