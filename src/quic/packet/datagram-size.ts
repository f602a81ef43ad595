/**
 * RFC 9000 §14: every QUIC path carries UDP payloads of this size. RFC 9000 §14.1: a datagram with an Initial packet of a
 * client, or an ack-eliciting one of a server, is at least this long.
 */
export const MIN_DATAGRAM_SIZE = 1200;
