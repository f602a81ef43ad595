/** Packets: headers, packet numbers, and the packets that need no keys. */

/** Builds a packet in place, in a batch. */
export {
  beginLongHeader,
  beginShortHeader,
  finishPacket,
  OpenPacket,
} from "./build.ts";
/** Connection ids and their map keys. */
export { ConnectionId, connectionIdKey, MAX_CONNECTION_ID_LENGTH } from "./connection-id.ts";
/** Generators of our own connection ids: random, or routable to a worker. */
export { type ConnectionIdGenerator, RandomConnectionIds } from "./connection-id-generator.ts";
/** Parses a header before its protection is removed. */
export { type PacketForm, type PacketHeader, parsePacketHeader } from "./header.ts";
export { keyPeriodAt } from "./key-period.ts";
/** Truncates packet numbers and decodes them. */
export { decodePacketNumber, type PacketNumberLength, packetNumberLength, truncate } from "./packet-number.ts";
/** Retry packets and their integrity tag. */
export { emitRetry, verifyRetry } from "./retry.ts";
export { type ConnectionIdRoute, RoutedConnectionIds, RoutedIdKeys } from "./routed-connection-id.ts";
/** Version Negotiation packets. */
export { emitVersionNegotiation } from "./version-negotiation.ts";
