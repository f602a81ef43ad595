/** The environment of a cell: its own folder, the site, the certificate, and the time limit. */

import type { TraceConnection } from "../src/host/quic/tracing.ts";
import type { TestIdentity } from "./certificates.ts";
import type { Site } from "./site.ts";

/** Recordings in qlog. */
export interface Recording {
  readonly directory: string;
  readonly trace: TraceConnection;
}

export interface CellFolder {
  /** Removed when the cell ends. */
  readonly directory: string;
  readonly site: Site;
  readonly identity: TestIdentity;
  /** Records our own connections. */
  readonly recording?: Recording;
  /** Aborted when the cell's time is up. */
  readonly signal: AbortSignal;
}
