/** What the streams of a connection hold and have moved: for a bound over many connections. */
export interface StreamFacts {
  readonly activeBidiStreams: number;
  readonly bytesBuffered: number;
  readonly chunksHeld: number;
  readonly bytesSent: number;
  readonly bytesReceived: number;
  readonly bytesConsumed: number;
  /** Bytes that the peer may still send. */
  readonly receiveCredit: number;
}
