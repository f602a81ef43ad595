/** A cipher suite of TLS 1.3 (RFC 8446 §B.4): an AEAD and a hash. */

import type { AeadName, HashName } from "../crypto/engine.ts";

/** The cipher suites that QUIC uses (RFC 9001 §5.3). */
export type CipherSuiteName = "TLS_AES_128_GCM_SHA256" | "TLS_AES_256_GCM_SHA384" | "TLS_CHACHA20_POLY1305_SHA256";

/** What a cipher suite consists of. */
export interface CipherSuite {
  readonly name: CipherSuiteName;
  readonly id: number;
  readonly aead: AeadName;
  readonly hash: HashName;
}
