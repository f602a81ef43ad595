/** Lines of an SSLKEYLOGFILE (RFC 9850). Whoever holds one can read the connection: they are made only on request. */

import { toHex } from "../wire/hex.ts";

/** RFC 9850 §2.2, those of a handshake without early data. */
export type KeyLogLabel =
  | "CLIENT_HANDSHAKE_TRAFFIC_SECRET"
  | "SERVER_HANDSHAKE_TRAFFIC_SECRET"
  | "CLIENT_TRAFFIC_SECRET_0"
  | "SERVER_TRAFFIC_SECRET_0";

/** One line without its end. `clientRandom` is the ClientHello's: it is how a reader finds the connection. */
export const keyLogLine = (label: KeyLogLabel, clientRandom: Uint8Array, secret: Uint8Array): string =>
  `${label} ${toHex(clientRandom)} ${toHex(secret)}`;
