/** An event of qlog (draft-ietf-quic-qlog-main-schema §7) and its connection, before the dialect is chosen. */

import type { QlogObject } from "./values.ts";

/** An event without its time. */
export interface QlogEvent {
  /** "namespace:event" */
  readonly name: string;
  readonly data: QlogObject;
  /** The addresses that a packet used; undefined for those of the start. */
  readonly tuple?: string;
}

export type Emit = (event: QlogEvent) => void;

export interface LoggedConnection {
  /** In hexadecimal. */
  readonly originalDestination: string;
  readonly role: "client" | "server";
  /** Milliseconds since 1970 at the first event. */
  readonly startedAt: number;
}
