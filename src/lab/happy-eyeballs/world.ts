/** A site with its name server, and what a client of it did. Times are in milliseconds since the client began. */

import type { ServiceInfo, Transport } from "../../agent/index.ts";

export type Behaviour = "answers" | "silent" | "refuses";

export interface Site {
  /** Of the network to the site. */
  readonly rtt: number;
  /** Of that to its addresses of IPv6, if it differs. */
  readonly ipv6Rtt?: number;
  /** When the answers of the name server arrive; Infinity for never. */
  readonly answers: { readonly A: number; readonly AAAA: number; readonly HTTPS: number };
  readonly ipv4: readonly string[];
  readonly ipv6: readonly string[];
  readonly services: ServiceInfo;
  behaviour(address: string, transport: Transport): Behaviour;
}

/** Addresses of documentation (RFC 5737, RFC 3849). */
export const ipv4 = (count: number): string[] => Array.from({ length: count }, (_, i) => `192.0.2.${i + 1}`);
export const ipv6 = (count: number): string[] => Array.from({ length: count }, (_, i) => `2001:db8::${i + 1}`);

export const rttTo = ({ rtt, ipv6Rtt = rtt }: Site, address: string): number => (address.includes(":") ? ipv6Rtt : rtt);

export const NO_RECORD: ServiceInfo = { kind: "none", why: "no record" };

/** Round trips until the handshake is complete: TCP and TLS 1.3, or QUIC. */
export const HANDSHAKE: Readonly<Record<Transport, number>> = { tcp: 2, quic: 1 };

export interface StartedAttempt {
  readonly address: string;
  readonly transport: Transport;
  readonly at: number;
}

export interface Visit {
  /** When the connection could be used; undefined if none could within the limit. */
  readonly connected: number | undefined;
  readonly winner: StartedAttempt | undefined;
  readonly attempts: readonly StartedAttempt[];
  /** Record types, in the order of the questions; undefined if the system's lookup asks. */
  readonly questions: readonly string[] | undefined;
}
