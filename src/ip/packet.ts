/** What IPv4 and IPv6 have in common: a received packet, one to send, protocol numbers and reasons to drop. */

export const Protocol = {
  hopByHop: 0,
  icmp: 1,
  tcp: 6,
  udp: 17,
  routing: 43,
  fragment: 44,
  esp: 50,
  ah: 51,
  icmpv6: 58,
  none: 59,
  destinationOptions: 60,
} as const;

/** A received packet, addressed to this host or to be forwarded. Its bytes are valid only during the call. */
export interface IpPacket {
  readonly version: 4 | 6;
  readonly source: Uint8Array;
  readonly destination: Uint8Array;
  /** The transport's number. */
  readonly protocol: number;
  readonly hopLimit: number;
  /** Diffserv and ECN bits. */
  readonly trafficClass: number;
  /** The IP header begins at `headerStart`, the transport's at `start`. */
  readonly bytes: Uint8Array;
  readonly headerStart: number;
  readonly start: number;
  readonly end: number;
  /** The MCPHINT option's data. */
  readonly hint: number | undefined;
  /** Set if this is a part of a fragmented packet. */
  readonly fragment: Fragment | undefined;
  /** The transport checksum is known to be right. */
  isVerified: boolean;
}

export interface Fragment {
  readonly id: number;
  /** Bytes. */
  readonly offset: number;
  readonly isLast: boolean;
}

/** A packet to send: the transport writes its header and payload where the layer tells it to. */
export interface OutgoingPacket {
  /** Chosen by the layer if undefined. */
  readonly source: Uint8Array | undefined;
  readonly destination: Uint8Array;
  readonly protocol: number;
  /** Bytes of the transport's header and payload. */
  readonly length: number;
  /** Where the transport's checksum is, from its start; undefined if it has none over the pseudo header. */
  readonly checksumOffset: number | undefined;
  /** 64 by default. */
  readonly hopLimit?: number | undefined;
  /** 0 by default. */
  readonly trafficClass?: number;
  /** Fails with "too-big" rather than fragment it. */
  readonly dontFragment?: boolean;
  /** For a device that offloads: payload bytes per segment, after `transportHeader` bytes; 0 for one packet. */
  readonly segmentSize?: number;
  readonly transportHeader?: number;
  /** Writes everything, with zeros in the checksum's field. */
  emit(target: Uint8Array, at: number): void;
}

/** "queued" means that it waits for the neighbour's link address. */
export type SendResult = "sent" | "queued" | "no-route" | "no-source" | "too-big" | "device-full";

/** Why a received packet went no further. */
export type IpDropReason =
  | "truncated"
  | "version"
  | "header-length"
  | "total-length"
  | "header-checksum"
  | "options"
  | "source-address"
  | "not-ours"
  | "extension-header"
  | "hop-limit"
  | "fragment"
  | "no-protocol"
  | "icmp"
  | "no-route";
