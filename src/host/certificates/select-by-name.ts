/** The selection of a certificate during a handshake by someone else than the store. */

import type { Identity } from "./identity.ts";
import type { SecureContext } from "./secure-context.ts";

export interface SelectedIdentity {
  /** Required by QUIC. */
  readonly identity?: Identity | undefined;
  /** For TLS over TCP, in place of the identity's own context. */
  readonly context?: SecureContext;
}

/** Calls back once, now or later: with an error to refuse the client, or with nothing for the default. */
export type SelectByName = (
  serverName: string,
  transport: "tcp" | "udp",
  done: (error: Error | null, selected?: SelectedIdentity) => void,
) => void;
