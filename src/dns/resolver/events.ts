/** What a resolver reports to a trace. */

import type { Trace, TraceEvent } from "../../base/trace.ts";
import type { DnsProtocol, DnsServer } from "./server.ts";

interface AboutQuestion {
  readonly name: string;
  readonly recordType: number;
}

export type DnsTraceEvent = AboutQuestion &
  (
    | { readonly type: "dns:query_sent"; readonly server: DnsServer; readonly over: DnsProtocol }
    | {
        readonly type: "dns:response_received";
        readonly server: DnsServer;
        readonly rcode: number;
        readonly count: number;
      }
    /** A message that does not match its query; the query goes on. */
    | { readonly type: "dns:response_ignored"; readonly server: DnsServer; readonly why: string }
    | { readonly type: "dns:exchange_failed"; readonly server: DnsServer; readonly why: string }
    | {
        readonly type: "dns:answered";
        readonly from: "network" | "cache" | "stale" | "failure";
        readonly count: number;
      }
  );

export type DnsTrace = Trace<DnsTraceEvent & TraceEvent>;
