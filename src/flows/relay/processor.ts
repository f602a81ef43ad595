/** What a relay may do with the messages of a flow: drop some, join several, write them anew. */

import type { Instant } from "../../base/time.ts";
import type { IncomingFlow } from "../receive/in-flow.ts";

/** A message on its way through a relay. */
export interface RelayedMessage {
  readonly bytes: Uint8Array;
  /** Its number in the flow; undefined for the stateless service. */
  readonly number: number | undefined;
  /** When it is due by the relay's clock; undefined without a deadline. */
  readonly due: Instant | undefined;
  readonly isLate: boolean;
}

/**
 * Bytes go on instead of the message. With "keep", the message goes on within a later one, which inherits the earliest deadline; with
 * "drop" it does not go on, and its sender is told that it has arrived.
 */
export type Processed = Uint8Array | "keep" | "drop";

/** The plug-in of one flow. An error ends the flow, with code 4. */
export interface FlowProcessor {
  /** Says what becomes of a message. */
  process(message: RelayedMessage, now: Instant): Processed;
}

/** Chooses what is done with a flow; undefined lets it pass as it is. Streams always pass as they are. */
export type ChooseProcessor = (flow: IncomingFlow, path: readonly number[]) => FlowProcessor | undefined;
