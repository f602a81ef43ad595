/** What both sides allow each other at first (RFC 9000 §4), and how far windows and buffers may grow. */

/** What we allow the peer and ourselves. The initial values are those announced as transport parameters. */
export interface StreamSetLimits {
  readonly initialMaxData: number;
  /** For streams of every kind. */
  readonly initialMaxStreamData: number;
  readonly initialMaxStreamsBidi: number;
  readonly initialMaxStreamsUni: number;
  /** How far the windows may grow by themselves. */
  readonly maxConnectionWindow: number;
  readonly maxStreamWindow: number;
  /** Bytes kept for sending before `write` says that they are enough. */
  readonly sendBufferPerStream: number;
  readonly sendBufferPerConnection?: number;
  /** Separate pieces of out-of-order data. */
  readonly maxChunksPerStream?: number;
  readonly maxChunksPerConnection?: number;
}

/** What the peer allows us at first: its transport parameters, "local" and "remote" as it sees them (RFC 9000 §18.2). */
export interface PeerStreamLimits {
  readonly initialMaxData: number;
  readonly initialMaxStreamDataBidiLocal: number;
  readonly initialMaxStreamDataBidiRemote: number;
  readonly initialMaxStreamDataUni: number;
  readonly initialMaxStreamsBidi: number;
  readonly initialMaxStreamsUni: number;
}

/** Separate pieces of out-of-order data that a connection keeps, where nothing else is said. */
export const DEFAULT_MAX_CHUNKS = 8_192;

export const NO_LIMITS: PeerStreamLimits = {
  initialMaxData: 0,
  initialMaxStreamDataBidiLocal: 0,
  initialMaxStreamDataBidiRemote: 0,
  initialMaxStreamDataUni: 0,
  initialMaxStreamsBidi: 0,
  initialMaxStreamsUni: 0,
};
