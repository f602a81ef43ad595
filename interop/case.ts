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

/** Has the peer a role opposite to ours at all? Where it has none, the matrix has no cell. */
export const faces = (peer: Peer, role: Role): boolean =>
  (role === "server" ? peer.client : peer.server) !== undefined || peer.reader !== undefined;
