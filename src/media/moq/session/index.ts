/** Sessions of MoQ Transport. */

export type { MoqCarrier, SendOrder, StreamDirection, StreamId } from "./carrier.ts";
export type { EndReason, MoqEvent, RequestMessage } from "./events.ts";
export type { MoqSessionOptions, NewRequest } from "./options.ts";
export type { FetchSender, SubgroupSender } from "./outgoing-data.ts";
export { MoqSession } from "./session.ts";
export { type ResolvedToken, TokenCache } from "./token-cache.ts";
