/** What a session needs of a connection: WebTransport, QMux or raw QUIC are carriers. */

import type { VarInt } from "../../../wire/varint.ts";
import type { StreamCarrier } from "../../carrier.ts";

export type { StreamDirection, StreamId } from "../../carrier.ts";

/** Streams and datagrams to the peer. What is written waits in the carrier until it can be sent. */
export interface MoqCarrier extends StreamCarrier {
  /** May be lost. */
  sendDatagram(bytes: Uint8Array): void;
}

/** An alias as the key of a map. */
export const aliasKey = (alias: VarInt): string =>
  typeof alias === "object" ? `${alias.high}:${alias.low}` : String(alias);
