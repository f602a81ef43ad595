/** A relay of live media that joins dialects. */

export type {
  DatagramObject,
  ObjectHead,
  Refusal,
  RefusalReason,
  RelayStatus,
  SubgroupStart,
  TrackEnd,
  TrackInfo,
  ViewRange,
} from "./model.ts";
export { PLAIN_TRACK, trackKey } from "./model.ts";
export { type Authorize, type JoinWishes, MoqPeer, type MoqPeerOptions, type RoomyCarrier } from "./moq/index.ts";
export type { RelayOptions } from "./options.ts";
export {
  EVERYTHING,
  type Fetching,
  type FetchOutlet,
  type FetchRequest,
  type Grant,
  type NamespaceWatcher,
  type Registration,
  type RelayPeer,
  type RelaySource,
  type RelayUpstream,
  type RelayView,
  type SubgroupSink,
  type TrackSink,
  type TrackStatus,
  type TrackWatcher,
  type UpstreamWish,
  type ViewerStream,
  type ViewOutlet,
  type ViewRank,
  type ViewRequest,
  type ViewStats,
  type ViewUpdate,
} from "./peer.ts";
export type { PeerOptions } from "./peer-state.ts";
export { Relay } from "./relay.ts";
export { SEGMENT_PROTOCOLS, SegmentPeer, type SegmentPeerOptions, type SegmentProtocol } from "./segments/index.ts";
export type { RelayStats, TrackStats, ViewerStats } from "./stats.ts";
