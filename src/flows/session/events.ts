/** What a session tells its application. */

import type { Instant, Micros } from "../../base/time.ts";
import type { ConfirmUnit } from "../packet/types.ts";
import type { IncomingFlow } from "../receive/in-flow.ts";
import type { WholeMessage } from "../receive/messages.ts";

/** What a peer says that it can still take. */
export interface Resources {
  /** Bytes per second; 0 if unknown. */
  readonly link: number;
  /** Thousandths of a processor. */
  readonly cpuFree: number;
  /** Milliseconds that a unit waits before it is processed. */
  readonly queue: number;
  /** KiB. */
  readonly memory: number;
}

/** What a session tells. */
export type FlowEvent =
  /** The peer opened a flow. */
  | { readonly type: "open"; readonly flow: IncomingFlow }
  /** A whole message. The bytes are the application's. */
  | ({ readonly type: "message"; readonly flow: number } & WholeMessage)
  /** `read` has something to return, or the stream is finished. */
  | { readonly type: "readable"; readonly flow: number }
  /** A flow of ours has room again after `write` took less than it was given. */
  | { readonly type: "writable"; readonly flow: number }
  /** A flow of either side is over, with a code of FLOW_CLOSE or the application's. */
  | { readonly type: "closed"; readonly flow: number; readonly code: number }
  /** The receiver holds a flow of ours back (0 for all of them) until then, or for ever (Infinity), or lets it go on at `rate` bytes per second, 0 without a limit. */
  | { readonly type: "paused"; readonly flow: number; readonly until: Instant }
  | { readonly type: "resumed"; readonly flow: number; readonly rate: number }
  | {
      readonly type: "granted";
      readonly flow: number;
      readonly bytes: number;
      readonly start: Instant;
      readonly window: Micros;
    }
  /** How much of a flow of ours has reached its last receiver. */
  | ConfirmUnit
  | { readonly type: "resources"; readonly resources: Resources }
  /** Nothing can be sent or received any more. */
  | { readonly type: "session-closed"; readonly code: number; readonly isOurs: boolean };

/** Input that was ignored, by its reason. */
export interface DropCounts {
  /** Packets that could not be read. */
  malformed: number;
  /** Packets that were there before. */
  repeated: number;
  /** Units with a wrong checksum. */
  corrupt: number;
  /** Units of types that this version does not know. */
  unknown: number;
  /** Data of flows that were never opened, or are over. */
  strays: number;
  /** ACK, PAUSE, GRANT and RESOURCE that make no sense. */
  forged: number;
}
