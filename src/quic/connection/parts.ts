/** The owners of a connection's state, as its conductor introduces them to those who read and write packets. */

import type { OneRttKeys } from "../keys/index.ts";
import type { ConnectionId } from "../packet/connection-id.ts";
import type { Path } from "../path/index.ts";
import type { LossRecovery } from "../recovery/index.ts";
import type { StreamSet } from "../streams/index.ts";
import type { Closing } from "./close.ts";
import type { ConnectionConfig } from "./config.ts";
import type { Handshake } from "./handshake.ts";
import type { IdleTimer } from "./idle.ts";
import type { LocalIds } from "./local-ids.ts";
import type { RemoteIds } from "./remote-ids.ts";
import type { PacketSpaces } from "./spaces.ts";
import type { ConnectionStats } from "./stats.ts";

export interface ConnectionParts {
  readonly role: "client" | "server";
  readonly version: number;
  readonly config: ConnectionConfig;
  readonly path: Path;
  readonly spaces: PacketSpaces;
  readonly oneRtt: OneRttKeys;
  readonly recovery: LossRecovery;
  readonly streams: StreamSet;
  readonly handshake: Handshake;
  readonly localIds: LocalIds;
  readonly remoteIds: RemoteIds;
  readonly closing: Closing;
  readonly idle: IdleTimer;
  readonly stats: ConnectionStats;
  /** What this side calls itself in long headers. */
  readonly sourceId: ConnectionId;
}
