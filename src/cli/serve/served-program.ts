// What a command serves.

import type { Server, Service } from "../../edge/server.ts";
import type { Identity } from "../../host/certificates/identity.ts";

export type CreateService = (log: (line: string) => void) => Promise<Service>;

/** What a server serves, and how that is replaced while it runs. */
export interface ServedProgram {
  readonly createService: CreateService;
  /** Default: the certificate files are read again. */
  readonly reload?: (server: Server) => Promise<void>;
  /** The certificate, in place of those of the settings. */
  readonly identity?: Identity;
  /** Called when the server listens. Returns a function that is called when it has stopped. */
  readonly onListening?: (url: URL, log: (line: string) => void) => Promise<() => void>;
  /** A file whose change is a reason to reload. */
  readonly file?: string;
}
