/**
 * The relay: peers of any dialect, the tracks between them, and the limits of it all. A machine without I/O: adapters call peers, the host
 * calls `handleTimeout`.
 */

import { earliest, type Instant } from "../../base/time.ts";
import { TimerHeap } from "../../base/timer-heap.ts";
import type { TrackName } from "../moq/model.ts";
import { CacheBudget } from "./cache.ts";
import { beginFetch } from "./fetch.ts";
import type { Ingest } from "./ingest.ts";
import { namespaceKey, type Refusal, type TrackInfo } from "./model.ts";
import { NameTree, type Presence, type Watch } from "./names.ts";
import { type RelayOptions, type RelaySettings, relaySettings } from "./options.ts";
import type {
  Fetching,
  FetchOutlet,
  FetchRequest,
  RelayPeer,
  TrackStatus,
  TrackWatcher,
  ViewOutlet,
  ViewRequest,
} from "./peer.ts";
import { type PeerOptions, PeerState, type PeerSurroundings } from "./peer-state.ts";
import { type RelayStats, statsOf } from "./stats.ts";
import { namesOf, RelayTrack, type TrackSurroundings } from "./track.ts";
import type { TrackView } from "./view.ts";

/** Joins publishers and viewers. */
export class Relay {
  readonly #settings: RelaySettings;
  readonly #budget: CacheBudget;
  readonly #names = new NameTree<PeerState, RelayTrack>();
  readonly #peers = new Set<PeerState>();
  readonly #tracks = new Set<RelayTrack>();
  readonly #watches = new Map<string, Map<Watch<PeerState>, TrackWatcher>>();
  readonly #timers = new TimerHeap<RelayTrack | PeerState>();
  #views = 0;
  readonly #ofTracks: TrackSurroundings;
  readonly #ofPeers: PeerSurroundings;

  /** Throws a RangeError that names an invalid option. */
  constructor(options: RelayOptions = {}) {
    const settings = relaySettings(options);
    this.#settings = settings;
    const budget = new CacheBudget(settings.cacheBytes);
    this.#budget = budget;
    const arm = (owner: RelayTrack | PeerState, at: Instant | undefined): void =>
      this.#timers.set(owner.timer as never, at);
    this.#ofTracks = {
      settings,
      budget,
      announcersOf: ({ namespace }) => this.#names.announcersOf(namespace).filter((peer) => peer.source !== undefined),
      arm,
      handlePublished: (track, by) => this.#tellPublished(track, by),
      handlePush: ({ name }, by, change) => this.#names.push(name.namespace, by, change),
      remove: (track) => {
        this.#tracks.delete(track);
        this.#names.removeTrack(track);
      },
    };
    this.#ofPeers = {
      maxViewsPerPeer: settings.maxViewsPerPeer,
      maxNamesPerPeer: settings.maxNamesPerPeer,
      announce: (presence, now) => this.#announce(presence, now),
      withdraw: (presence, now) => this.#withdraw(presence, now),
      push: (peer, name, info, now) => this.#push(peer, name, info, now),
      view: (_peer, request, outlet, onOver, now) => this.#view(request, outlet, onOver, now),
      fetch: (request, outlet, onOver) => this.#fetch(request, outlet, onOver),
      status: (name) => this.#status(name),
      watch: (kind, watch, watcher) => this.#watch(kind, watch, watcher),
      unwatch: (kind, watch) => this.#unwatch(kind, watch),
      arm,
      forget: (peer) => this.#peers.delete(peer),
    };
  }

  /** A peer connected. */
  addPeer(options: PeerOptions): RelayPeer {
    const peer = new PeerState(options, this.#ofPeers);
    this.#peers.add(peer);
    return peer;
  }

  /** When to call `handleTimeout`. */
  nextTimeout(): Instant | undefined {
    return earliest(this.#timers.next, undefined);
  }

  /** Deadlines passed. */
  handleTimeout(now: Instant): void {
    for (let owner = this.#timers.popExpired(now); owner !== undefined; owner = this.#timers.popExpired(now)) {
      owner.handleTimeout(now);
    }
  }

  /** What the relay holds and does now. */
  stats(): RelayStats {
    return statsOf(this.#peers, this.#tracks, this.#budget);
  }

  // ── Inside ────────────────────────────────────────────────────────────────────────────────────────────────────────

  #track(name: TrackName): RelayTrack | Refusal {
    const known = this.#names.track(name);
    if (known !== undefined) return known;
    if (this.#tracks.size >= this.#settings.maxTracks) {
      return { reason: "too-much-load", message: `the relay holds ${this.#tracks.size} tracks, which is the limit` };
    }
    const track = new RelayTrack(name, this.#ofTracks);
    this.#tracks.add(track);
    this.#names.addTrack(track);
    return track;
  }

  /** The track that a viewer means: a catalog may be pushed under its other name. */
  #trackFor(name: TrackName, mayMake = true): RelayTrack | Refusal | undefined {
    const exact = this.#names.track(name);
    if (exact?.publisher !== undefined) return exact;
    for (const other of namesOf(name.name)) {
      const track = this.#names.track({ namespace: name.namespace, name: other });
      if (track?.isPushed === true) return track;
    }
    return exact ?? (mayMake ? this.#track(name) : undefined);
  }

  #push(peer: PeerState, name: TrackName, info: TrackInfo, now: Instant): Ingest | Refusal {
    const track = this.#track(name);
    return "reason" in track ? track : track.push(peer, info, now);
  }

  #view(request: ViewRequest, outlet: ViewOutlet, onOver: () => void, now: Instant): TrackView | Refusal {
    if (this.#views >= this.#settings.maxViews) {
      return { reason: "too-much-load", message: `the relay has ${this.#views} subscriptions, which is the limit` };
    }
    const track = this.#trackFor(request.track)!;
    if ("reason" in track) return track;
    this.#views += 1;
    const over = (): void => {
      this.#views -= 1;
      onOver();
    };
    return track.view(request, outlet, over, now);
  }

  #fetch(request: FetchRequest, outlet: FetchOutlet, onOver: () => void): Fetching | Refusal {
    for (const name of namesOf(request.track.name)) {
      const track = this.#names.track({ namespace: request.track.namespace, name });
      if (track !== undefined) return beginFetch(track, request, outlet, onOver);
    }
    return { reason: "does-not-exist", message: "nothing of this track is kept" };
  }

  #status(name: TrackName): TrackStatus | Refusal {
    const track = this.#trackFor(name, false);
    if (track === undefined || "reason" in track || track.info === undefined)
      return { reason: "does-not-exist", message: "nobody publishes this track now" };
    return { info: track.info, largest: track.cache.largest };
  }

  #announce(presence: Presence<PeerState>, now: Instant): void {
    this.#names.announce(presence);
    for (const track of [...this.#names.tracksBelow(presence.namespace)]) track.handleAnnounced(now);
  }

  #withdraw(presence: Presence<PeerState>, now: Instant): void {
    this.#names.withdraw(presence);
    for (const track of [...this.#names.tracksBelow(presence.namespace)]) track.handleWithdrawn(presence.peer, now);
  }

  #watch(kind: "namespaces" | "tracks", watch: Watch<PeerState>, watcher: TrackWatcher | undefined): void {
    if (kind === "namespaces" || watcher === undefined) {
      this.#names.watch(watch);
      return;
    }
    const key = namespaceKey(watch.prefix);
    const watches = this.#watches.get(key) ?? new Map();
    watches.set(watch, watcher);
    this.#watches.set(key, watches);
    for (const track of [...this.#names.tracksBelow(watch.prefix)]) {
      if (track.publisher !== undefined) this.#tell(track, watch, watcher);
    }
  }

  #unwatch(kind: "namespaces" | "tracks", watch: Watch<PeerState>): void {
    if (kind === "namespaces") {
      this.#names.unwatch(watch);
      return;
    }
    const key = namespaceKey(watch.prefix);
    const watches = this.#watches.get(key);
    watches?.delete(watch);
    if (watches?.size === 0) this.#watches.delete(key);
  }

  #tellPublished(track: RelayTrack, by: object): void {
    if (this.#watches.size === 0) return;
    const { namespace } = track.name;
    for (let length = 0; length <= namespace.length; length += 1) {
      for (const [watch, watcher] of [...(this.#watches.get(namespaceKey(namespace.slice(0, length))) ?? [])]) {
        if (watch.peer !== by) this.#tell(track, watch, watcher);
      }
    }
  }

  #tell(track: RelayTrack, { peer }: Watch<PeerState>, watcher: TrackWatcher): void {
    const isOwn = track.publishers.every((each) => each === peer);
    if (!isOwn && peer.maySubscribe(track.name.namespace)) watcher.published(track.name, track.info!);
  }
}
