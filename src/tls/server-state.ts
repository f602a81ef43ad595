/**
 * The states of a server and what it knows in each, named as in the diagram of RFC 8446 §A.2. States in which a server
 * without client certificates never waits are missing (RECVD_CH, NEGOTIATED, WAIT_FLIGHT2, WAIT_CERT, WAIT_CV), and so is
 * WAIT_EOED, because QUIC has no EndOfEarlyData (RFC 9001 §8.3).
 */

import type { TlsEvent } from "./handshake.ts";
import type { KeySchedule } from "./key-schedule.ts";
import type { HandshakeMessage } from "./messages/message.ts";
import type { Retry } from "./server-choice.ts";

type Completion = Extract<TlsEvent, { type: "complete" }>;

export type ServerState =
  | { readonly type: "START"; readonly retry: Retry | undefined }
  /** The host selects the identity; the ClientHello is handled again then. */
  | { readonly type: "WAIT_IDENTITY"; readonly retry: Retry | undefined; readonly hello: HandshakeMessage }
  | {
      readonly type: "WAIT_FINISHED";
      /** The expected content of the client's Finished. */
      readonly verifyData: Uint8Array;
      /** Protects what the client sends next. */
      readonly clientSecret: Uint8Array;
      readonly completion: Completion;
      /** Present if the client can use tickets: derives the PSK of one. */
      readonly ticket: { readonly schedule: KeySchedule; readonly master: Uint8Array } | undefined;
    }
  | { readonly type: "CONNECTED" }
  | { readonly type: "FAILED" };
