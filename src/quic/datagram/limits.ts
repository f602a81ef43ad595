/** The configuration of a connection's datagrams. */

export interface DatagramLimits {
  /** Announced as max_datagram_frame_size (RFC 9221 §3): the largest DATAGRAM frame that the peer may send. */
  readonly maxFrameSize: number;
  /** Bytes that wait to be read. If more arrive, the oldest are dropped. */
  readonly receiveBuffer: number;
  /** Bytes that wait to be sent, over all flows. */
  readonly sendBuffer: number;
}

export const DEFAULT_DATAGRAM_LIMITS: DatagramLimits = {
  // RFC 9221 §3: whatever fits into a packet.
  maxFrameSize: 65_535,
  receiveBuffer: 256 * 1024,
  sendBuffer: 256 * 1024,
};

/** What a datagram takes in memory besides its bytes. */
export const DATAGRAM_OVERHEAD = 64;
