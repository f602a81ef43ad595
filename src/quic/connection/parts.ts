/** The owners of a connection's state, shared by the code that reads and writes packets. */

import type { Datagrams } from "../datagram/index.ts";
import type { OneRttKeys } from "../keys/index.ts";
import type { ConnectionId } from "../packet/connection-id.ts";
import type { Paths } from "../path/index.ts";
import type { StreamSet } from "../streams/index.ts";
import type { QuicTrace } from "../trace.ts";
import type { Closing } from "./close.ts";
import type { ConnectionConfig } from "./config.ts";
import type { ConnectionVersion } from "./connection-version.ts";
import type { EarlyData } from "./early-data.ts";
import type { Handshake } from "./handshake.ts";
import type { HandshakeSpaces } from "./handshake-spaces.ts";
import type { IdleTimer } from "./idle.ts";
import type { ConnectionHost } from "./options.ts";
import type { ConnectionStats } from "./stats.ts";
import type { WorkBudget } from "./work-budget.ts";

export interface ConnectionParts {
  readonly host: ConnectionHost;
  readonly role: "client" | "server";
  readonly version: ConnectionVersion;
  readonly config: ConnectionConfig;
  readonly paths: Paths;
  readonly spaces: HandshakeSpaces;
  readonly early: EarlyData;
  readonly oneRtt: OneRttKeys;
  readonly streams: StreamSet;
  readonly datagrams: Datagrams;
  readonly handshake: Handshake;
  readonly closing: Closing;
  readonly idle: IdleTimer;
  readonly stats: ConnectionStats;
  readonly work: WorkBudget;
  /** Receives trace events; undefined if there is no listener. */
  readonly trace: QuicTrace | undefined;
  /** Our source id in long headers. */
  readonly sourceId: ConnectionId;
}
