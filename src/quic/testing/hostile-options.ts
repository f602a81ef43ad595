/** What a hostile peer does differently. */

import type { CryptoEngine } from "../../crypto/engine.ts";
import type { EncryptionLevel, TlsClientConfig, TlsIdentity, TlsServerConfig } from "../../tls/index.ts";
import type { AcceptPolicy, ConnectionConfig } from "../index.ts";
import type { TransportParameters } from "../params/index.ts";

export interface HostileOptions {
  /** The role of the hostile peer; the victim has the other one. */
  readonly role: "client" | "server";
  readonly victim?: Partial<ConnectionConfig>;
  readonly policy?: Partial<AcceptPolicy>;
  /** Changes the parameters that the peer announces; undefined omits a parameter. */
  readonly parameters?: { readonly [K in keyof TransportParameters]?: TransportParameters[K] | undefined };
  /** Replaces the whole extension. */
  readonly rawParameters?: Uint8Array;
  /** True for a client that never sends its Finished, so that the victim stays in the handshake. */
  readonly withholdFinished?: boolean;
  /** True if an ACK frame follows each CRYPTO frame, in the same packet. */
  readonly acknowledgesLast?: boolean;
  /** True if the peer listens, but does not take part in the handshake. */
  readonly mute?: boolean;
  /** True if the peer acknowledges nothing. */
  readonly silent?: boolean;
  /** The version of the connection. */
  readonly version?: number;
  /** Client victim only: true if a Version Negotiation packet made it try the version. */
  readonly followsNegotiation?: boolean;
  readonly seed?: number;
  readonly engine?: CryptoEngine;
  readonly identity?: TlsIdentity;
  readonly alpn?: string;
  readonly clientTls?: Partial<TlsClientConfig>;
  readonly serverTls?: Partial<TlsServerConfig>;
  /** Changes a handshake message before it is sent. */
  readonly tamper?: (level: EncryptionLevel, message: Uint8Array) => Uint8Array;
  /** Records nothing of what the victim sends except its CONNECTION_CLOSE; for long runs. */
  readonly keepsNothing?: boolean;
}
