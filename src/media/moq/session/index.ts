/** Sessions of MoQ Transport, from draft 18 on. */

export type { MoqCarrier, StreamDirection, StreamId } from "./carrier.ts";
export type { EndReason, MoqEvent, RequestMessage } from "./events.ts";
export type { FetchSender, SubgroupSender } from "./outgoing-data.ts";
export { MoqSession, type MoqSessionOptions, type NewRequest } from "./session.ts";
export { type ResolvedToken, TokenCache } from "./token-cache.ts";
