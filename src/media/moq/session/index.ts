/** Sessions of MoQ Transport. */

export type { MoqCarrier, SendOrder, StreamDirection, StreamId } from "./carrier.ts";
export { deliveryOf, type Timeouts, type TrackDelivery } from "./delivery.ts";
export type { EndReason, MoqEvent, RequestMessage } from "./events.ts";
export { type Join, joinTrack } from "./join.ts";
export { Migration, type MigrationEvent } from "./migration.ts";
export type { MoqSessionOptions, NewRequest } from "./options.ts";
export type { FetchSender, Sender, SubgroupSender } from "./outgoing-data.ts";
export type { FetchPlan, FetchRange } from "./ranges.ts";
export { CONTROL_ORDER, type Rank, REQUEST_ORDER, sendOrderOf } from "./send-order.ts";
export { MoqSession, type OwnRequest } from "./session.ts";
export { type ResolvedToken, TokenCache } from "./token-cache.ts";
export { TokenRegistry } from "./token-registry.ts";
