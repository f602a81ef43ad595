/** Sizes of datagrams and packets shared by several modules. */

/**
 * RFC 9000 §14: every QUIC path carries UDP payloads of this size. RFC 9000 §14.1: a client's datagram with an Initial
 * packet, and a server's with an ack-eliciting Initial packet, has at least this size.
 */
export const MIN_DATAGRAM_SIZE = 1200;

/** Less room than this is not worth a packet: header, ids, tag and a small frame. */
export const MIN_PACKET_ROOM = 96;
