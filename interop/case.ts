/** The interface of a test case. */

import type { CellFolder } from "./cell.ts";
import type { Peer } from "./peer.ts";
import type { Role } from "./result.ts";

export interface Case {
  readonly name: string;
  /** The roles that our side can take. */
  readonly roles: readonly Role[];
  /** Why this peer cannot take part; undefined if it can. */
  unsupported(peer: Peer, role: Role): string | undefined;
  /** Returns the observation, or throws the failure. */
  run(peer: Peer, role: Role, cell: CellFolder): Promise<string>;
}
