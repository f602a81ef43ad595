/** Sizes of datagrams and packets that several owners go by. */

/**
 * RFC 9000 §14: every QUIC path carries UDP payloads of this size. RFC 9000 §14.1: a datagram with an Initial packet of a
 * client, or an ack-eliciting one of a server, is at least this long.
 */
export const MIN_DATAGRAM_SIZE = 1200;

/** Less room than this is not worth a packet: header, ids, tag and a small frame. */
export const MIN_PACKET_ROOM = 96;
