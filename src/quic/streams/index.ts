/** Ordered byte streams with flow control, carried in frames that may be lost, repeated and reordered. */

export type { SendGroup, SendPriority, SendSession } from "../scheduler/index.ts";
/** The initial limits of both sides. */
export type { PeerStreamLimits, StreamSetLimits } from "./limits.ts";
/** The two parts of a stream, and their states. */
export { type ReceiveState, RecvStream } from "./recv-stream.ts";
/** A run of bytes to send, held outside the connection. */
export { SendSource } from "./send-source.ts";
export { type SendState, SendStream } from "./send-stream.ts";
export type { StreamFacts } from "./stream-facts.ts";
/** All streams of a connection: the interface for the connection. */
export { StreamSet, type StreamSetHost } from "./stream-set.ts";
