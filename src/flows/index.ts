/**
 * Just-in-time flows: DFMP packets and DFCP units in a layout of our own, sessions that keep deadlines, and an arbiter for what many
 * clients share. Machines without I/O. Experimental.
 *
 * @module nagare/experimental/flows
 */

/** Shares a receiver's link and processor among the flows of all its clients. */
export { Arbiter, type ArbiterOptions, type Verdict } from "./arbiter/arbiter.ts";
/** Chains of relays: both ends, and the node in the middle. */
export {
  ChainDestination,
  type ChainDestinationEvent,
  type ChainDestinationOptions,
} from "./chain/destination.ts";
export type { ConnectHop, HopOptions } from "./chain/hops.ts";
export type { ChainMessageOptions, MessageCounts } from "./chain/messages-in-doubt.ts";
export {
  type ChainFlowOptions,
  type ChainFlowStats,
  ChainOrigin,
  type ChainOriginEvent,
  type ChainOriginOptions,
} from "./chain/origin.ts";
/** The codec. */
export { type EmitOptions, emitPacket, headerLength, type PacketHead, packetBytes } from "./packet/emit.ts";
export { FlowPacketError, type FlowPacketFault } from "./packet/errors.ts";
export { unitLength } from "./packet/layout.ts";
export { parsePacket } from "./packet/parse.ts";
export * from "./packet/types.ts";
/** Sessions and chains in bare datagrams, for the simulator. */
export { PlainFlowEndpoint, type PlainFlowEvent, type PlainFlowOptions } from "./plain/plain-endpoint.ts";
export { type ChainNode, PlainFlowNode } from "./plain/plain-node.ts";
export type { StreamPiece } from "./receive/byte-stream.ts";
export type { IncomingFlow, InFlowStats } from "./receive/in-flow.ts";
export type { WholeMessage } from "./receive/messages.ts";
export type { RelayCounts } from "./relay/crossing.ts";
export type { ChooseProcessor, FlowProcessor, Processed, RelayedMessage } from "./relay/processor.ts";
export { FlowRelay, type FlowRelayOptions } from "./relay/relay.ts";
export type { MessageOptions } from "./send/message-queue.ts";
export type { FlowOptions, OutFlowStats } from "./send/out-flow.ts";
export type { SendFlowOptions } from "./send/senders.ts";
/** Sessions. */
export { FLOW_CLOSE, FlowError, type FlowErrorCode } from "./session/errors.ts";
export type { DropCounts, FlowEvent, Resources } from "./session/events.ts";
export type { RecoveryStats } from "./session/recovery.ts";
export { FlowSession, type FlowSessionOptions, type FlowSessionStats } from "./session/session.ts";
