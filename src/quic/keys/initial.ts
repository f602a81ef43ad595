/**
 * The secrets of Initial packets (RFC 9001 §5.2). Anyone who sees the first packet can derive them, so they prove
 * nothing.
 */

import { type CryptoEngine, HASH_LENGTH } from "../../crypto/engine.ts";
import { hkdfExpandLabel, hkdfExtract } from "../../crypto/hkdf.ts";
import { versionRow } from "../versions/index.ts";

const NO_CONTEXT = new Uint8Array(0);

/**
 * `clientDestination` is the Destination Connection ID of the client's first Initial packet, or of the first one after
 * a Retry.
 */
export function deriveInitialSecrets(
  engine: CryptoEngine,
  version: number,
  clientDestination: Uint8Array,
): { readonly client: Uint8Array; readonly server: Uint8Array } {
  const secret = hkdfExtract(engine, "sha256", versionRow(version).initialSalt, clientDestination);
  return {
    client: hkdfExpandLabel(engine, "sha256", secret, "client in", NO_CONTEXT, HASH_LENGTH.sha256),
    server: hkdfExpandLabel(engine, "sha256", secret, "server in", NO_CONTEXT, HASH_LENGTH.sha256),
  };
}
