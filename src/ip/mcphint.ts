/**
 * The multiple-core performance hint (draft-robinson-intarea-mcphint-00): 16 bits in an IP option that tell flows apart
 * where ports are encrypted or missing, as in fragments. IANA assigned no numbers, so the layout is a configuration:
 * by default the experimental option types of RFC 4727 and 16 bits of data.
 */

export interface McpHintLayout {
  /** The copied flag (0x80) puts the option into every fragment. */
  readonly ipv4Type: number;
  /** The high bits say: skip if unknown, does not change on the way (RFC 8200 §4.2). */
  readonly ipv6Type: number;
}

export const MCPHINT_LAYOUT: McpHintLayout = { ipv4Type: 0x9e, ipv6Type: 0x1e };

/** Bytes of the IPv4 option: type, length, data. */
export const MCPHINT_IPV4_LENGTH = 4;
/** Bytes of the IPv6 hop-by-hop header that carries the option and nothing else. */
export const MCPHINT_IPV6_LENGTH = 8;

const PAD_N = 1;

export function emitMcpHintIpv4(target: Uint8Array, at: number, hint: number, layout: McpHintLayout): void {
  target.set([layout.ipv4Type, MCPHINT_IPV4_LENGTH, hint >>> 8, hint & 0xff], at);
}

/** A hop-by-hop options header, padded to 8 bytes. */
export function emitMcpHintIpv6(
  target: Uint8Array,
  at: number,
  nextHeader: number,
  hint: number,
  layout: McpHintLayout,
): void {
  target.set([nextHeader, 0, layout.ipv6Type, 2, hint >>> 8, hint & 0xff, PAD_N, 0], at);
}
