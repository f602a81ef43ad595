/** What a session needs of a connection: WebTransport, QMux or raw QUIC are carriers. */

import type { VarInt } from "../../../wire/varint.ts";

/** Of a stream of the carrier. */
export type StreamId = number;
/** One way, or both. */
export type StreamDirection = "uni" | "bidi";

/** The place of a stream among those of its session, as WebTransport has it: a higher order leaves first. */
export interface SendOrder {
  readonly sendOrder: number;
}

/** Streams and datagrams to the peer. What is written waits in the carrier until it can be sent. */
export interface MoqCarrier {
  /** Undefined if the peer allows no more streams now. */
  openStream(direction: StreamDirection): StreamId | undefined;
  /** Bytes, and the end of our side with `fin`. */
  write(stream: StreamId, bytes: Uint8Array, fin: boolean): void;
  /** The order of a stream of ours among others; without it, or before it is called, all have the order 0. */
  setOrder?(stream: StreamId, order: SendOrder): void;
  /** Abandons our side. */
  reset(stream: StreamId, code: number): void;
  /** Asks the peer to abandon its side. */
  stopSending(stream: StreamId, code: number): void;
  /** May be lost. */
  sendDatagram(bytes: Uint8Array): void;
  /** Ends the connection, or the WebTransport session. */
  close(code: number, reason: string): void;
}

/** An alias as the key of a map. */
export const aliasKey = (alias: VarInt): string =>
  typeof alias === "object" ? `${alias.high}:${alias.low}` : String(alias);
