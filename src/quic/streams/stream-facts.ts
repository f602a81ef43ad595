/** Totals over the streams of a connection, for limits over many connections. */
export interface StreamFacts {
  readonly activeBidiStreams: number;
  readonly bytesBuffered: number;
  readonly sendMemory: number;
  readonly chunksHeld: number;
  readonly bytesSent: number;
  readonly bytesReceived: number;
  readonly bytesConsumed: number;
  /** The number of bytes that the peer may still send. */
  readonly receiveCredit: number;
}
