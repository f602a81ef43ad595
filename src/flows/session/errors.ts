/** Codes of CLOSE, and the errors of the calls. */

import { defineErrors } from "../../base/errors.ts";

/** What CLOSE says, of a flow or of the session. */
export const FLOW_CLOSE = defineErrors({
  DONE: [0, "everything was sent"],
  UNKNOWN_FLOW: [1, "data came for a flow that was never opened"],
  LIMIT_EXCEEDED: [2, "more flows, or more unfinished data, than the receiver holds"],
  NOT_YOURS: [3, "a flow was held back by a side that does not receive it"],
  CANCELLED: [4, "the application gave it up"],
  BROKEN: [5, "a relay on the way failed: what the last receiver did not confirm is to be sent again"],
  SUPERSEDED: [6, "the flow came on another way, too"],
  LOOP: [7, "the way leads back to a relay that it has passed, or is too long"],
  /** Never on the wire. */
  IDLE: [0xffff, "nothing came from the peer for too long"],
});

/** Why a call did nothing. */
export type FlowErrorCode =
  | "FLOW_UNKNOWN"
  | "FLOW_CLOSED"
  | "FLOW_KIND"
  | "MESSAGE_TOO_LARGE"
  | "FLOW_LIMIT"
  | "SESSION_CLOSED";

export class FlowError extends Error {
  override readonly name = "FlowError";
  readonly code: FlowErrorCode;

  constructor(code: FlowErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}
