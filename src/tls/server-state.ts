/**
 * The states of a server and what it knows in each, named as in the diagram of RFC 8446 §A.2, except WAIT_IDENTITY and
 * WAIT_VERDICT, in which it waits for the host. States in which a server never waits are missing (RECVD_CH, NEGOTIATED,
 * WAIT_FLIGHT2), and so is WAIT_EOED, because QUIC has no EndOfEarlyData (RFC 9001 §8.3).
 */

import type { Exporter } from "./exporter.ts";
import type { TlsEvent } from "./handshake.ts";
import type { KeySchedule } from "./key-schedule.ts";
import type { HandshakeMessage } from "./messages/message.ts";
import type { Retry } from "./server-choice.ts";

type Completion = Extract<TlsEvent, { type: "complete" }>;

/** What the server's flight determined. */
export interface Agreed {
  readonly schedule: KeySchedule;
  readonly master: Uint8Array;
  /** Protects the client's flight. */
  readonly handshakeSecret: Uint8Array;
  /** Protects what the client sends next. */
  readonly clientSecret: Uint8Array;
  readonly completion: Completion;
  readonly exporter: Exporter;
  /** True if the client can use tickets. */
  readonly acceptsTickets: boolean;
}

export type ServerState =
  | { readonly type: "START"; readonly retry: Retry | undefined }
  /** The host selects the identity; the ClientHello is handled again then. */
  | { readonly type: "WAIT_IDENTITY"; readonly retry: Retry | undefined; readonly hello: HandshakeMessage }
  | { readonly type: "WAIT_CERT"; readonly agreed: Agreed }
  | {
      readonly type: "WAIT_CV";
      readonly agreed: Agreed;
      readonly chain: readonly Uint8Array[];
      readonly publicKey: Uint8Array;
    }
  | { readonly type: "WAIT_FINISHED"; readonly agreed: Agreed; readonly accepted: boolean }
  /** The client's flight has been read, but the host is still validating its certificate. */
  | { readonly type: "WAIT_VERDICT"; readonly agreed: Agreed }
  | { readonly type: "CONNECTED"; readonly exporter: Exporter }
  | { readonly type: "FAILED" };
