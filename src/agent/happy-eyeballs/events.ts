/** The decisions of a race, for a trace: each says why. */

import type { Instant, Micros } from "../../base/time.ts";
import type { Trace } from "../../base/trace.ts";
import type { RecordKind } from "./resolution.ts";
import type { Endpoint } from "./rules.ts";

/** A step of the race between addresses, or of what an origin's Alt-SvcB led to. */
export type RaceEvent =
  /** Plan B: the origin has named a host, in the field or in a frame; it is looked up and asked. */
  | { readonly type: "plan-b:heard"; readonly name: string; readonly by: "field" | "frame" }
  /** Plan B: what came of it. With a service, later connections prefer its record. */
  | { readonly type: "plan-b:tried"; readonly name: string; readonly service: string | undefined; readonly why: string }
  /** Plan B: the service has a record of the origin's, which comes first, or no longer. */
  | { readonly type: "plan-b:service"; readonly target: string; readonly how: "preferred" | "forgotten" }
  | { readonly type: "race:query_sent"; readonly record: RecordKind; readonly name: string }
  | { readonly type: "race:answer"; readonly record: RecordKind; readonly name: string; readonly answer: string }
  /** Addresses are known, but a better answer may come. */
  | { readonly type: "race:waiting"; readonly until: Instant; readonly why: string }
  /** The endpoints that are still to be tried. */
  | { readonly type: "race:endpoints"; readonly endpoints: readonly Endpoint[] }
  | {
      readonly type: "race:attempt_started";
      readonly attempt: number;
      readonly endpoint: Endpoint;
      readonly why: "first" | "delay" | "failure" | "new address" | "head start";
    }
  /** The transport is established; the handshake above it gets more time. */
  | { readonly type: "race:attempt_progress"; readonly attempt: number; readonly nextIn: Micros | undefined }
  | {
      readonly type: "race:attempt_ended";
      readonly attempt: number;
      readonly how: "connected" | "failed" | "cancelled";
      readonly why: string;
    }
  | { readonly type: "race:ended"; readonly how: "connected" | "failed" | "aborted"; readonly why: string };

export type RaceTrace = Trace<RaceEvent>;
