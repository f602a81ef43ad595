/** The relay's adapter for MoQ Transport. */

export { type JoinWishes, MoqPeer } from "./moq-peer.ts";
export type { Authorize, MoqPeerOptions, RoomyCarrier } from "./options.ts";
