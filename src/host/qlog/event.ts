/** An event of qlog (draft-ietf-quic-qlog-main-schema §7) and its connection, before the dialect is chosen. */

import type { QlogObject } from "./values.ts";

/** An event without its time. */
export interface QlogEvent {
  /** "namespace:event" */
  readonly name: string;
  readonly data: QlogObject;
  /** The addresses that a packet used; undefined for those of the start. */
  readonly tuple?: string;
  /** The connection's original destination id, in a recording of several connections. */
  readonly group?: string;
}

export type Emit = (event: QlogEvent) => void;

/** What the first record of a recording says. */
export interface RecordingOrigin {
  /** In hexadecimal. Undefined for a recording of several connections. */
  readonly originalDestination?: string | undefined;
  readonly role: "client" | "server";
  /** Milliseconds since 1970 at the first event. */
  readonly startedAt: number;
}

export interface LoggedConnection extends RecordingOrigin {
  readonly originalDestination: string;
}
