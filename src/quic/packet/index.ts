/** Packets: headers, packet numbers, and the packets that need no keys. */

/** Writing a packet in place, into a batch. */
export {
  beginLongHeader,
  beginShortHeader,
  finishPacket,
  OpenPacket,
} from "./build.ts";
/** Connection ids, and their keys in maps. */
export { ConnectionId, connectionIdKey, MAX_CONNECTION_ID_LENGTH } from "./connection-id.ts";
/** Generators for our own connection ids: random, or routable to a worker. */
export { type ConnectionIdGenerator, RandomConnectionIds } from "./connection-id-generator.ts";
/** Reading a header before its protection is removed. */
export { type PacketForm, type PacketHeader, parsePacketHeader } from "./header.ts";
/** Cutting packet numbers short and completing them. */
export { decodePacketNumber, type PacketNumberLength, packetNumberLength, truncate } from "./packet-number.ts";
/** Retry packets and their integrity tag. */
export { emitRetry, verifyRetry } from "./retry.ts";
export { type ConnectionIdRoute, RoutedConnectionIds, RoutedIdKeys } from "./routed-connection-id.ts";
/** Version Negotiation packets. */
export { emitVersionNegotiation } from "./version-negotiation.ts";
