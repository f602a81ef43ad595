/** Streams: ordered bytes with flow control, out of frames that are lost, repeated and reordered. */

/** What both sides allow each other at first. */
export type { PeerStreamLimits, StreamSetLimits } from "./limits.ts";
/** The two parts of a stream, and their states. */
export { type ReceiveState, RecvStream } from "./recv-stream.ts";
export type { SendGroup, SendPriority, SendSession } from "./scheduler/index.ts";
/** A run of bytes to send that lives outside the connection. */
export { SendSource } from "./send-source.ts";
export { type SendState, SendStream } from "./send-stream.ts";
export type { StreamFacts } from "./stream-facts.ts";
/** All streams of a connection: what the connection talks to. */
export { StreamSet, type StreamSetOptions } from "./stream-set.ts";
