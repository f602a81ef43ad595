/** What a case is. */

import type { CellFolder } from "./cell.ts";
import type { Peer } from "./peer.ts";
import type { Role } from "./result.ts";

export interface Case {
  readonly name: string;
  /** The sides that we can take in it. */
  readonly roles: readonly Role[];
  /** Why this peer has no part in it; undefined when it has. */
  unsupported(peer: Peer, role: Role): string | undefined;
  /** Returns what was seen, or throws what went wrong. */
  run(peer: Peer, role: Role, cell: CellFolder): Promise<string>;
}
