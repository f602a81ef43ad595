/** The initial limits of both sides (RFC 9000 §4), and how far windows and buffers may grow. */

import { isUnidirectional, type StreamId } from "../transport.ts";

/** The limits that we set for the peer and ourselves. The initial values are announced as transport parameters. */
export interface StreamSetLimits {
  readonly initialMaxData: number;
  /** For streams of every type. */
  readonly initialMaxStreamData: number;
  readonly initialMaxStreamsBidi: number;
  readonly initialMaxStreamsUni: number;
  /** How far auto-tuning may grow the windows. */
  readonly maxConnectionWindow: number;
  readonly maxStreamWindow: number;
  /** Bytes that unread streams may hold before they block other streams. Default: `maxConnectionWindow`. */
  readonly maxUnread?: number;
  /** The number of bytes buffered for sending at which `write` returns false. */
  readonly sendBufferPerStream: number;
  readonly sendBufferPerConnection?: number;
  /** Separate chunks of out-of-order data. */
  readonly maxChunksPerStream?: number;
  readonly maxChunksPerConnection?: number;
}

/**
 * The initial limits set by the peer: its transport parameters, with "local" and "remote" from its point of view (RFC
 * 9000 §18.2).
 */
export interface PeerStreamLimits {
  readonly initialMaxData: number;
  readonly initialMaxStreamDataBidiLocal: number;
  readonly initialMaxStreamDataBidiRemote: number;
  readonly initialMaxStreamDataUni: number;
  readonly initialMaxStreamsBidi: number;
  readonly initialMaxStreamsUni: number;
  /** True if it supports RESET_STREAM_AT. */
  readonly resetStreamAt?: boolean;
}

/** The default limit for separate chunks of out-of-order data on a connection. */
export const DEFAULT_MAX_CHUNKS = 8_192;

export const NO_LIMITS: PeerStreamLimits = {
  initialMaxData: 0,
  initialMaxStreamDataBidiLocal: 0,
  initialMaxStreamDataBidiRemote: 0,
  initialMaxStreamDataUni: 0,
  initialMaxStreamsBidi: 0,
  initialMaxStreamsUni: 0,
};

/** The peer's initial limit for our data on a stream. */
export function initialCredit(limits: PeerStreamLimits, id: StreamId, isLocal: boolean): number {
  if (isUnidirectional(id)) return limits.initialMaxStreamDataUni;
  // Local to us is remote to the peer.
  return isLocal ? limits.initialMaxStreamDataBidiRemote : limits.initialMaxStreamDataBidiLocal;
}
