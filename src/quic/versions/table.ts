/**
 * The differences between versions of QUIC, one row per version: the Initial salt, the Retry key and the HKDF labels
 * (RFC 9001 §5, RFC 9369 §3.3), and the bits that distinguish long packet types (RFC 9000 §17.2, RFC 9369 §3.2).
 * Everything else in `quic/` is the same for every version.
 */

import { fromHex } from "../../wire/hex.ts";

/** RFC 9000 §15. */
export const VERSION_1 = 0x0000_0001;
/** RFC 9369 §3.1. */
export const VERSION_2 = 0x6b33_43cf;

export interface QuicVersion {
  readonly number: number;
  readonly name: string;
  /** RFC 9001 §5.2. */
  readonly initialSalt: Uint8Array;
  /** RFC 9001 §5.8. */
  readonly retryKey: Uint8Array;
  readonly retryNonce: Uint8Array;
  /** HKDF labels (RFC 9001 §5.1, §6.1), without the prefix "tls13 " of HKDF-Expand-Label. */
  readonly labels: { readonly key: string; readonly iv: string; readonly hp: string; readonly ku: string };
  /** The two Long Packet Type bits (RFC 9000 §17.2, Table 5). */
  readonly longPacketTypes: {
    readonly initial: number;
    readonly "zero-rtt": number;
    readonly handshake: number;
    readonly retry: number;
  };
}

export const VERSIONS: readonly QuicVersion[] = [
  {
    number: VERSION_1,
    name: "QUIC version 1",
    initialSalt: fromHex("38762cf7f55934b34d179ae6a4c80cadccbb7f0a"),
    retryKey: fromHex("be0c690b9f66575a1d766b54e368c84e"),
    retryNonce: fromHex("461599d35d632bf2239825bb"),
    labels: { key: "quic key", iv: "quic iv", hp: "quic hp", ku: "quic ku" },
    longPacketTypes: { initial: 0b00, "zero-rtt": 0b01, handshake: 0b10, retry: 0b11 },
  },
  {
    number: VERSION_2,
    name: "QUIC version 2",
    initialSalt: fromHex("0dede3def700a6db819381be6e269dcbf9bd2ed9"),
    retryKey: fromHex("8fb4b01b56ac48e260fbcbcead7ccc92"),
    retryNonce: fromHex("d86969bc2d7c6d9990efb04a"),
    labels: { key: "quicv2 key", iv: "quicv2 iv", hp: "quicv2 hp", ku: "quicv2 ku" },
    longPacketTypes: { initial: 0b01, "zero-rtt": 0b10, handshake: 0b11, retry: 0b00 },
  },
];
