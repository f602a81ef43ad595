/** The interface of a test case. */

import type { CellFolder } from "./cell.ts";
import type { Peer } from "./peer.ts";
import type { Role } from "./result.ts";

/** Who meets whom: `role` is that of our side, which a third party may take to show whose fault a failure is. */
export interface Pairing {
  readonly side: Peer;
  readonly peer: Peer;
  readonly role: Role;
}

export interface Case {
  readonly name: string;
  /** For the page of results. */
  readonly shows: string;
  /** The roles that our side can take. */
  readonly roles: readonly Role[];
  /** Milliseconds that a cell may take, if more than usual. */
  readonly timeout?: number;
  /** True if the case is about our own code, so that no third party can take our side. */
  readonly isOursOnly?: true;
  /** Why these two cannot run it; undefined if they can. */
  unsupported(pairing: Pairing): string | undefined;
  /** Returns the observation, or throws the failure. */
  run(pairing: Pairing, cell: CellFolder): Promise<string>;
}
