/** The servers that a stub resolver asks, and how it reaches them. */

/** `udp` falls back to TCP; the others carry whole messages. */
export type DnsProtocol = "udp" | "tcp" | "tls" | "https" | "quic";

export interface DnsServer {
  readonly protocol: DnsProtocol;
  /** An IP address. */
  readonly address: string;
  readonly port: number;
  /** The name in the certificate, for `tls`, `https` and `quic`; the address by default. */
  readonly name?: string | undefined;
  /** For `https`: the path of the resource, without its query; RFC 8484's usual one by default. */
  readonly path?: string | undefined;
}

/** RFC 1035 §4.2, RFC 7858 §3.1, RFC 8484 §3, RFC 9250 §4.1.1. */
export const DNS_PORTS: Readonly<Record<DnsProtocol, number>> = { udp: 53, tcp: 53, tls: 853, https: 443, quic: 853 };
