/** What live media needs of a connection. WebTransport, QMux and raw QUIC are carriers; each is put together in host/. */

/** Of a stream of the carrier: later streams of a side have higher numbers. */
export type StreamId = number;
/** One way, or both. */
export type StreamDirection = "uni" | "bidi";

/** The place of a stream among those of its session, as WebTransport has it: a higher order leaves first. */
export interface SendOrder {
  readonly sendOrder: number;
}

/** Streams to the peer. What is written waits in the carrier until it can be sent. */
export interface StreamCarrier {
  /** Undefined if the peer allows no more streams now. */
  openStream(direction: StreamDirection): StreamId | undefined;
  /** Bytes, and the end of our side with `fin`. */
  write(stream: StreamId, bytes: Uint8Array, fin: boolean): void;
  /** Abandons our side. */
  reset(stream: StreamId, code: number): void;
  /** Asks the peer to abandon its side. */
  stopSending(stream: StreamId, code: number): void;
  /** Ends the connection, or the WebTransport session. */
  close(code: number, reason: string): void;
}

/** A carrier whose streams have an order, and that tells when it has enough. */
export interface OrderedCarrier extends StreamCarrier {
  /** Returns false if there is no room for more now: a call that there is room again follows. More is taken all the same. */
  write(stream: StreamId, bytes: Uint8Array, fin: boolean): boolean;
  /** A higher order goes first, retransmissions included; streams of the same order take turns. */
  setOrder(stream: StreamId, order: SendOrder): void;
}
