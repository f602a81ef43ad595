/** IPv4 and IPv6. */

/** Kinds of addresses, and prefixes. */
export { isMulticast, isUnspecified, type Prefix, parsePrefix } from "./address.ts";
/** ICMP messages and errors. */
export { Icmp4, Icmp6, type IcmpError, type IcmpErrorKind } from "./icmp.ts";
/** An interface and its addresses. */
export { type InterfaceOptions, NetInterface } from "./interface.ts";
/** IPv4 headers. */
export { parseIpv4 } from "./ipv4.ts";
/** IPv6 headers. */
export { parseIpv6 } from "./ipv6.ts";
/** The machine: receives, forwards and sends packets. */
export { IpLayer, type IpOptions, type PathInfo, type Verdict } from "./layer.ts";
/** The MCPHINT option. */
export { MCPHINT_LAYOUT } from "./mcphint.ts";
/** What both versions have in common. */
export { type IpPacket, type OutgoingPacket, Protocol, type SendResult } from "./packet.ts";
/** The part of transport checksums that comes from IP. */
export { sumPseudoHeader } from "./pseudo-header.ts";
