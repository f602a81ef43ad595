/** The streams, datagrams and flow control of a session on a carrier that has none of its own. */

export type { MuxDialect } from "./dialect.ts";
export { type MuxLimits, OWN_LIMITS } from "./limits.ts";
export { MAX_WAITING_CONTROL, MessageWriter } from "./message-writer.ts";
export { MuxCarrier } from "./mux-carrier.ts";
export type { Role } from "./stream-ids.ts";
export { applicationCode, MuxStreams } from "./streams.ts";
