/** What an HTTP Datagram of CONNECT-UDP holds (RFC 9298 §4, §5): a Context ID, and for 0 the payload of a UDP datagram. */

import { Reader } from "../../wire/reader.ts";

/** RFC 9298 §5: the largest payload of a UDP datagram. */
export const MAX_UDP_PAYLOAD = 65_527;
/** The Context ID 0, before each payload that we send. */
export const UDP_CONTEXT_LENGTH = 1;
/** The longest HTTP Datagram with a legal payload. */
export const MAX_UDP_DATAGRAM = 8 + MAX_UDP_PAYLOAD;

/** The peer broke a rule that ends the tunnel. */
export class UdpPayloadError extends Error {
  override readonly name = "UdpPayloadError";
}

/** The HTTP Datagram for a UDP payload. */
export function udpDatagram(payload: Uint8Array): Uint8Array {
  const datagram = new Uint8Array(UDP_CONTEXT_LENGTH + payload.length);
  datagram.set(payload, UDP_CONTEXT_LENGTH);
  return datagram;
}

/**
 * The UDP payload of an HTTP Datagram; undefined for another context, which is unknown here and dropped (RFC 9298 §4). Throws
 * a `UdpPayloadError` for a datagram without a Context ID, and for too large a payload.
 */
export function udpPayload(datagram: Uint8Array): Uint8Array | undefined {
  const first = datagram[0];
  // A varint says its length in its first two bits.
  if (first === undefined || datagram.length < 1 << (first >> 6)) {
    throw new UdpPayloadError("a datagram without a Context ID");
  }
  const reader = new Reader(datagram);
  if (reader.varintExact() !== 0) return undefined;
  const payload = datagram.subarray(datagram.length - reader.remaining);
  // RFC 9298 §5: the receiver aborts the stream.
  if (payload.length > MAX_UDP_PAYLOAD) throw new UdpPayloadError(`a UDP payload of ${payload.length} bytes`);
  return payload;
}
