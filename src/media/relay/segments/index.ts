/** The relay's adapter for Warp and the MoQ base draft. */

export { SEGMENT_PROTOCOLS, type SegmentPeerOptions, type SegmentProtocol } from "./options.ts";
export { SegmentPeer } from "./segment-peer.ts";
