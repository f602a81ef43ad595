/** Lines of an SSLKEYLOGFILE (RFC 9850). They allow decrypting the connection, so they are made only on request. */

import { toHex } from "../wire/hex.ts";

/** The labels of RFC 9850 §2.2. */
export type KeyLogLabel =
  | "CLIENT_EARLY_TRAFFIC_SECRET"
  | "CLIENT_HANDSHAKE_TRAFFIC_SECRET"
  | "SERVER_HANDSHAKE_TRAFFIC_SECRET"
  | "CLIENT_TRAFFIC_SECRET_0"
  | "SERVER_TRAFFIC_SECRET_0";

/** One line without its line break. `clientRandom` is the ClientHello's random, which identifies the connection. */
export const keyLogLine = (label: KeyLogLabel, clientRandom: Uint8Array, secret: Uint8Array): string =>
  `${label} ${toHex(clientRandom)} ${toHex(secret)}`;
