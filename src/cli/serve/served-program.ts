// What a command serves.

import type { Server, Service } from "../../edge/server.ts";

export type CreateService = (log: (line: string) => void) => Promise<Service>;

/** What a server serves, and how that is replaced while it runs. */
export interface ServedProgram {
  readonly createService: CreateService;
  /** Default: the certificate files are read again. */
  readonly reload?: (server: Server) => Promise<void>;
  /** A file whose change is a reason to reload. */
  readonly file?: string;
}
