/** The capsules of WebTransport over HTTP/2 (draft-ietf-webtrans-http2 §6), some of which HTTP/3 has too. */

export const H2Capsule = {
  PADDING: 0x190b4d38,
  RESET_STREAM: 0x190b4d39,
  STOP_SENDING: 0x190b4d3a,
  /** One of the two ends its stream: see `StreamTypes`. */
  STREAM_A: 0x190b4d3b,
  STREAM_B: 0x190b4d3c,
  MAX_DATA: 0x190b4d3d,
  MAX_STREAM_DATA: 0x190b4d3e,
  MAX_STREAMS_BIDI: 0x190b4d3f,
  MAX_STREAMS_UNI: 0x190b4d40,
} as const;

/** The types of WT_STREAM capsules without and with the end of their stream. */
export interface StreamTypes {
  readonly more: number;
  readonly last: number;
}

/**
 * The draft contradicts itself: by its text, the lowest bit marks the end, and by its example it does not. Implementations
 * (quiche, `@fails-components/webtransport`) end a stream with 0x190b4d3c.
 */
export const IMPLEMENTED_TYPES: StreamTypes = { more: H2Capsule.STREAM_A, last: H2Capsule.STREAM_B };
/** By the draft's text. */
export const LOWEST_BIT_TYPES: StreamTypes = { more: H2Capsule.STREAM_B, last: H2Capsule.STREAM_A };
