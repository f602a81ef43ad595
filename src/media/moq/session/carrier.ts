/** What a session needs of a connection: WebTransport, QMux or raw QUIC are carriers. */

import type { VarInt } from "../../../wire/varint.ts";
import type { SendOrder, StreamCarrier, StreamId } from "../../carrier.ts";

export type { SendOrder, StreamDirection, StreamId } from "../../carrier.ts";

/** Streams and datagrams to the peer. What is written waits in the carrier until it can be sent. */
export interface MoqCarrier extends StreamCarrier {
  /** False while what is written to a stream would only wait. Without it there is always room. */
  hasRoom?(stream: StreamId): boolean;
  /** The order of a stream of ours among others; without it, or before it is called, all have the order 0. */
  setOrder?(stream: StreamId, order: SendOrder): void;
  /** May be lost. */
  sendDatagram(bytes: Uint8Array): void;
}

/** An alias as the key of a map. */
export const aliasKey = (alias: VarInt): string =>
  typeof alias === "object" ? `${alias.high}:${alias.low}` : String(alias);
