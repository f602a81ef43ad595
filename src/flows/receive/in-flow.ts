/** What the receiver knows of one flow, whatever its service. */

import type { Instant } from "../../base/time.ts";
import type { ChainTag, FlowKind, OpenUnit } from "../packet/types.ts";

/** The figures of a flow, for people and programs. */
export interface InFlowStats {
  /** Whole messages, or bytes of a stream in order. */
  delivered: number;
  /** Messages or bytes that came after their deadline. */
  late: number;
  /** Messages of which a part never came in time, and bytes that were skipped. */
  missed: number;
  /** What had been there before. */
  repeated: number;
}

/** What a flow announced. */
export interface IncomingFlow {
  readonly id: number;
  readonly kind: FlowKind;
  readonly priority: number;
  /** Milliseconds between two units; 0 if there is no rule. */
  readonly period: number;
  readonly maxUnit: number;
  /** Microseconds of our processor for each unit. */
  readonly cost: number;
  /** Who sends it, if it may come through relays. */
  readonly chain?: ChainTag | undefined;
}

export const incomingFlow = ({ flow: id, kind, priority, period, maxUnit, cost, chain }: OpenUnit): IncomingFlow => ({
  id,
  kind,
  priority,
  period,
  maxUnit,
  cost,
  chain,
});

/** When the data of a unit is due, by our clock. */
export interface Arrival {
  /** Undefined without a deadline. */
  readonly due: Instant | undefined;
  readonly now: Instant;
}

export const newStats = (): InFlowStats => ({ delivered: 0, late: 0, missed: 0, repeated: 0 });
