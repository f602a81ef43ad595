/**
 * The states of a server and what it knows in each. They have the names of the diagram in RFC 8446 §A.2; absent are those
 * that a server without early data and client certificates never rests in (RECVD_CH, NEGOTIATED, WAIT_EOED,
 * WAIT_FLIGHT2, WAIT_CERT, WAIT_CV).
 */

import type { TlsEvent } from "./handshake.ts";
import type { Retry } from "./server-choice.ts";

type Completion = Extract<TlsEvent, { type: "complete" }>;

export type ServerState =
  | { readonly type: "START"; readonly retry: Retry | undefined }
  | {
      readonly type: "WAIT_FINISHED";
      /** What the client's Finished has to hold. */
      readonly verifyData: Uint8Array;
      /** Protects what the client sends next. */
      readonly clientSecret: Uint8Array;
      readonly completion: Completion;
    }
  | { readonly type: "CONNECTED" }
  | { readonly type: "FAILED" };
