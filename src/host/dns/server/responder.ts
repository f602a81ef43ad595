/** What the listeners share: who answers queries. */

import type { Fault } from "../../guard.ts";

/** How a query came. */
export type QueryTransport = "udp" | "tcp" | "tls" | "quic" | "https";

export interface DnsPeer {
  readonly address: string;
  readonly port: number;
}

/** The response; undefined for a message that deserves none. */
export type Respond = (query: Uint8Array, over: QueryTransport, from: DnsPeer) => Uint8Array | undefined;

export interface ResponderOptions {
  readonly respond: Respond;
  readonly onFault: (fault: Fault) => void;
}
