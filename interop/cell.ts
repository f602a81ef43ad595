/** The environment of a cell: its own folder, the site, the certificate, and the time limit. */

import type { TraceConnection } from "../src/host/quic/tracing.ts";
import type { TestIdentity } from "./certificates.ts";
import type { Site } from "./site.ts";

export interface CellFolder {
  /** Removed when the cell ends. */
  readonly directory: string;
  readonly site: Site;
  readonly identity: TestIdentity;
  /** Listens to our own connections. */
  readonly trace?: TraceConnection | undefined;
  /** Aborted when the cell's time is up. */
  readonly signal: AbortSignal;
}
