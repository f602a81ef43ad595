/** What a cell runs with: a folder of its own, the site, the certificate, and the time it has. */

import type { TestIdentity } from "./certificates.ts";
import type { Site } from "./site.ts";

export interface CellFolder {
  /** Removed when the cell is over. */
  readonly directory: string;
  readonly site: Site;
  readonly identity: TestIdentity;
  /** Aborted when the cell's time is over. */
  readonly signal: AbortSignal;
}
