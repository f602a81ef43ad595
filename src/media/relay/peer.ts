/**
 * Where a dialect meets the relay. An adapter speaks one dialect with one peer; it calls a `RelayPeer` for what its peer asks for,
 * and implements `RelaySource`, `ViewOutlet` and the watchers for what the relay asks of it. Neither knows more of the other.
 *
 * Everything is synchronous, and may be called while the relay calls the adapter. Bytes pass by reference: neither side changes them.
 */

import type { Instant } from "../../base/time.ts";
import type { Location, Namespace, TrackName } from "../moq/model.ts";
import type { DatagramObject, ObjectHead, Refusal, SubgroupStart, TrackEnd, TrackInfo, ViewRange } from "./model.ts";

// ── What comes from a publisher ─────────────────────────────────────────────────────────────────────────────────────

/** Where an adapter brings what its peer publishes of a track. The relay implements it. */
export interface TrackSink {
  /** The publisher accepted. */
  accept(info: TrackInfo, now: Instant): void;
  /** It did not. Nothing may follow. */
  refuse(refusal: Refusal, now: Instant): void;
  /** A stream of objects begins. Undefined if its objects are of no use: stop the stream. */
  open(start: SubgroupStart, now: Instant): SubgroupSink | undefined;
  /** An object that came in a datagram. */
  datagram(object: DatagramObject, now: Instant): void;
  /** Nothing may follow. */
  end(reason: TrackEnd, now: Instant): void;
}

/** One stream of objects of a publisher. */
export interface SubgroupSink {
  /** The next object begins. */
  object(head: ObjectHead, now: Instant): void;
  /** A piece of the payload of the last object. The relay keeps it. Returns false if no more is of use: stop the stream. */
  payload(bytes: Uint8Array, now: Instant): boolean;
  /** The stream is complete. */
  end(now: Instant): void;
  /** The publisher abandoned the stream. */
  reset(code: number, now: Instant): void;
}

/** A peer that can be asked for tracks. An adapter implements it. */
export interface RelaySource {
  /** Asks for a track. The sink is answered once, by `accept` or `refuse`, perhaps before this returns. */
  subscribe(track: TrackName, wish: UpstreamWish, sink: TrackSink, now: Instant): RelayUpstream;
}

/** What the relay wishes of a publisher, on behalf of all viewers. */
export interface UpstreamWish {
  readonly start: "newest-group" | "next-group";
}

/** A subscription of the relay. */
export interface RelayUpstream {
  /** Ends it. Nothing comes to the sink any more. */
  cancel(): void;
}

// ── What goes to a viewer ───────────────────────────────────────────────────────────────────────────────────────────

/** What a stream of a viewer is worth to it. Smaller goes first, in the order of the fields. */
export interface ViewRank {
  /** 0 to 255: the viewer's, and the publisher's. */
  readonly subscriber: number;
  readonly publisher: number;
  readonly order: "ascending" | "descending";
  readonly group: number;
  readonly subgroup: number;
}

/** What a viewer gets of a track. An adapter implements it; after `refuse` or `end` nothing follows. */
export interface ViewOutlet {
  /** `largest` is the newest object that is kept; undefined if there is none yet. */
  accept(info: TrackInfo, largest: Location | undefined, now: Instant): void;
  /** The viewer does not get the track. */
  refuse(refusal: Refusal, now: Instant): void;
  /** Undefined if the peer allows no more streams now: call `handleRoom` when it does. */
  open(start: SubgroupStart, rank: ViewRank): ViewerStream | undefined;
  /** May be lost. */
  datagram(object: DatagramObject): void;
  /** Nothing more comes, and all streams are over. */
  end(reason: TrackEnd, now: Instant): void;
}

/** One stream of objects to a viewer. */
export interface ViewerStream {
  /** False if what was written waits: the relay goes on at the next `handleRoom`. */
  readonly hasRoom: boolean;
  /** What stands before a payload. */
  object(head: ObjectHead): void;
  /** A piece of the payload of the last object, which must not be changed. */
  payload(bytes: Uint8Array): void;
  /** The stream is complete. */
  end(): void;
  /** "late" if a newer group is worth more, "lost" if the publisher abandoned it, "cancelled" if it is not wanted. */
  reset(reason: "late" | "lost" | "cancelled"): void;
}

/** A viewer asks for a track. */
export interface ViewRequest {
  readonly track: TrackName;
  readonly range: ViewRange;
  /** 0 to 255, the smallest first; 128 by default. */
  readonly priority?: number;
  /** The track's by default. */
  readonly order?: "ascending" | "descending" | undefined;
  /** False while the viewer wants no objects. True by default. */
  readonly forward?: boolean | undefined;
  /** Milliseconds that a group may be late once a newer one began; the relay's by default. */
  readonly maxLatency?: number | undefined;
  /** Milliseconds to wait for a publisher; 0 by default. */
  readonly rendezvous?: number | undefined;
}

/** What a viewer may change. */
export type ViewUpdate = Partial<Pick<ViewRequest, "range" | "priority" | "forward" | "maxLatency">>;

/** A viewer's subscription, for the adapter. */
export interface RelayView {
  readonly stats: ViewStats;
  /** The viewer changes what it wants. */
  update(update: ViewUpdate, now: Instant): void;
  /** There may be room again in a stream, or for a stream. */
  handleRoom(now: Instant): void;
  /** The peer does not want a stream any more. */
  handleStopped(stream: ViewerStream, now: Instant): void;
  /** The viewer ended it: the outlet hears nothing more. */
  cancel(now: Instant): void;
}

/** What a viewer of a track has had so far. */
export interface ViewStats {
  readonly objects: number;
  /** Of payloads. */
  readonly bytes: number;
  readonly groups: number;
  /** Streams of groups that came too late for it, and were abandoned or never begun. */
  readonly lateStreams: number;
  /** Streams that have something to send now. */
  readonly waiting: number;
}

/** A viewer asks for what is kept of a track. */
export interface FetchRequest {
  readonly track: TrackName;
  readonly start: Location;
  /** Inclusive; without an object to the end of the group. Without an end, up to the newest object. */
  readonly end?: { readonly group: number; readonly object?: number | undefined } | undefined;
  readonly order: "ascending" | "descending";
}

/** Where the objects of a fetch go, in the order that was asked for. An adapter implements it. */
export interface FetchOutlet {
  /** `end` is inclusive. */
  accept(info: TrackInfo, end: Location, isEndOfTrack: boolean): void;
  /** Nothing of the range is kept, or allowed. */
  refuse(refusal: Refusal): void;
  readonly hasRoom: boolean;
  /** What stands before a payload. */
  object(
    place: { readonly group: number; readonly subgroup: number; readonly priority: number },
    head: ObjectHead,
  ): void;
  /** A piece of the payload of the last object, which must not be changed. */
  payload(bytes: Uint8Array): void;
  /** Everything was sent. */
  end(): void;
  /** The rest cannot be sent. */
  reset(): void;
}

/** A fetch, for the adapter. */
export interface Fetching {
  /** There may be room again. */
  handleRoom(): void;
  /** The viewer wants no more. */
  cancel(): void;
}

// ── Names ───────────────────────────────────────────────────────────────────────────────────────────────────────────

/** Hears of namespaces below a prefix. An adapter implements it. */
export interface NamespaceWatcher {
  /** Something can be had there. */
  appeared(namespace: Namespace): void;
  /** Nothing can be had there any more. */
  gone(namespace: Namespace): void;
}

/** Hears of tracks below a prefix that are published now. An adapter implements it, and may subscribe to them. */
export interface TrackWatcher {
  /** A track can be had. */
  published(track: TrackName, info: TrackInfo): void;
}

/** Anything that can be withdrawn: an announcement, a watch. */
export interface Registration {
  /** Ends it. */
  withdraw(now: Instant): void;
}

/** One peer, as the relay sees it. The relay implements it. All may refuse. */
export interface RelayPeer {
  /** The peer has what is below a namespace, and can be asked for it. */
  announce(namespace: Namespace, now: Instant): Registration | Refusal;
  /** The peer sends a track by itself. The sink is accepted already. */
  publish(track: TrackName, info: TrackInfo, now: Instant): TrackSink | Refusal;
  /** The outlet is answered once, perhaps before this returns. */
  subscribe(request: ViewRequest, outlet: ViewOutlet, now: Instant): RelayView | undefined;
  /** The outlet is answered once, before this returns. */
  fetch(request: FetchRequest, outlet: FetchOutlet, now: Instant): Fetching | undefined;
  /** What is known of a track without asking anybody. */
  status(track: TrackName): TrackStatus | Refusal;
  /** The watcher hears of what there is before this returns, and of what others add later. */
  watchNamespaces(prefix: Namespace, watcher: NamespaceWatcher, now: Instant): Registration | Refusal;
  /** The watcher hears of what there is before this returns, and of what others add later. */
  watchTracks(prefix: Namespace, watcher: TrackWatcher, now: Instant): Registration | Refusal;
  /** What it may do, from now on. */
  grant(grant: Grant, now: Instant): void;
  /** It is gone: everything of it ends. */
  close(now: Instant): void;
}

/** A track as it is now. */
export interface TrackStatus {
  readonly info: TrackInfo;
  /** The newest object; undefined if there is none yet. */
  readonly largest: Location | undefined;
}

/** What a peer may do: names are those below one of the prefixes. */
export interface Grant {
  readonly publish: readonly Namespace[];
  readonly subscribe: readonly Namespace[];
  /** When it ends; never by default. */
  readonly expires?: Instant | undefined;
}

/** Everything: where nobody is asked for a token. */
export const EVERYTHING: Grant = { publish: [[]], subscribe: [[]] };
