// What a command serves.

import type { Server, Service } from "../../edge/server.ts";
import type { Identity } from "../../host/certificates/identity.ts";

export type CreateService = (log: (line: string) => void) => Promise<Service>;

/** A service beside the HTTP server, on ports of its own. */
export interface Companion {
  /** What it is and where it listens, for people. */
  readonly line: string;
  /** Its metrics in Prometheus' text format. */
  text(): string;
  /** Lets what is in progress finish for that many milliseconds. */
  close(grace: number): Promise<void>;
}

/** What a server serves, and how that is replaced while it runs. */
export interface ServedProgram {
  readonly createService: CreateService;
  /** Default: the certificate files are read again. */
  readonly reload?: (server: Server) => Promise<void>;
  /** The certificate, in place of those of the settings. */
  readonly identity?: Identity;
  /** Called when the server listens. Returns a function that is called when it has stopped. */
  readonly onListening?: (url: URL, log: (line: string) => void) => Promise<() => void>;
  /** Opens what listens beside the server, once for all workers. */
  readonly openCompanion?: (log: (line: string) => void) => Promise<Companion>;
  /** A file whose change is a reason to reload. */
  readonly file?: string;
}
