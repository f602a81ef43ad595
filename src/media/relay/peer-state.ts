/** A peer of the relay: what it may do, what it does, and the limits of that. */

import type { Instant } from "../../base/time.ts";
import { HeapTimer } from "../../base/timer-heap.ts";
import type { Namespace, TrackName } from "../moq/model.ts";
import type { Ingest } from "./ingest.ts";
import type { Refusal, TrackInfo } from "./model.ts";
import { isBelow, type Presence, type Watch } from "./names.ts";
import type {
  Fetching,
  FetchOutlet,
  FetchRequest,
  Grant,
  NamespaceWatcher,
  Registration,
  RelayPeer,
  RelaySource,
  RelayView,
  TrackSink,
  TrackStatus,
  TrackWatcher,
  ViewOutlet,
  ViewRequest,
} from "./peer.ts";
import type { TrackView } from "./view.ts";

/** What a peer is added with. */
export interface PeerOptions {
  /** For statistics: an address, or a name. */
  readonly label: string;
  /** How it is asked for tracks, if it can be. */
  readonly source?: RelaySource;
  readonly grant: Grant;
  /** What it may do has expired: the adapter should end the session. */
  readonly onExpired?: (now: Instant) => void;
}

/** What a peer needs of its relay. */
export interface PeerSurroundings {
  readonly maxViewsPerPeer: number;
  readonly maxNamesPerPeer: number;
  announce(presence: Presence<PeerState>, now: Instant): void;
  withdraw(presence: Presence<PeerState>, now: Instant): void;
  push(peer: PeerState, track: TrackName, info: TrackInfo, now: Instant): Ingest | Refusal;
  view(
    peer: PeerState,
    request: ViewRequest,
    outlet: ViewOutlet,
    onOver: () => void,
    now: Instant,
  ): TrackView | Refusal;
  fetch(request: FetchRequest, outlet: FetchOutlet, onOver: () => void): Fetching | Refusal;
  status(track: TrackName): TrackStatus | Refusal;
  watch(kind: "namespaces" | "tracks", watch: Watch<PeerState>, watcher: TrackWatcher | undefined): void;
  unwatch(kind: "namespaces" | "tracks", watch: Watch<PeerState>): void;
  arm(peer: PeerState, at: Instant | undefined): void;
  forget(peer: PeerState): void;
}

const EXCEEDED: Refusal = { reason: "too-much-load", message: "too many requests of this peer are open" };

export class PeerState implements RelayPeer {
  readonly label: string;
  readonly source: RelaySource | undefined;
  readonly timer = new HeapTimer<PeerState>(this);
  readonly #surroundings: PeerSurroundings;
  readonly #onExpired: ((now: Instant) => void) | undefined;
  #grant: Grant;
  #isClosed = false;
  readonly #presences = new Set<Presence<PeerState>>();
  readonly #pushes = new Set<Ingest>();
  readonly #views = new Set<TrackView>();
  #fetches = new Set<Fetching>();
  readonly #watches = new Map<Watch<PeerState>, "namespaces" | "tracks">();

  constructor(options: PeerOptions, surroundings: PeerSurroundings) {
    this.label = options.label;
    this.source = options.source;
    this.#onExpired = options.onExpired;
    this.#surroundings = surroundings;
    this.#grant = options.grant;
    surroundings.arm(this, options.grant.expires);
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Subscriptions that are open. */
  get views(): ReadonlySet<TrackView> {
    return this.#views;
  }

  /** Tracks that it pushes. */
  get pushed(): number {
    return [...this.#pushes].filter(({ isOver }) => !isOver).length;
  }

  get announced(): number {
    return this.#presences.size;
  }

  mayPublish(namespace: Namespace): boolean {
    return this.#grant.publish.some((prefix) => isBelow(namespace, prefix));
  }

  maySubscribe(namespace: Namespace): boolean {
    return this.#grant.subscribe.some((prefix) => isBelow(namespace, prefix));
  }

  announce(namespace: Namespace, now: Instant): Registration | Refusal {
    const refusal = this.#refuseName() ?? (this.mayPublish(namespace) ? undefined : notAllowed("publish"));
    if (refusal !== undefined) return refusal;
    const presence = { peer: this, namespace };
    this.#presences.add(presence);
    this.#surroundings.announce(presence, now);
    return {
      withdraw: (at) => {
        if (this.#presences.delete(presence)) this.#surroundings.withdraw(presence, at);
      },
    };
  }

  publish(track: TrackName, info: TrackInfo, now: Instant): TrackSink | Refusal {
    const refusal = this.#refuseName() ?? (this.mayPublish(track.namespace) ? undefined : notAllowed("publish"));
    if (refusal !== undefined) return refusal;
    const ingest = this.#surroundings.push(this, track, info, now);
    if ("reason" in ingest) return ingest;
    this.#pushes.add(ingest);
    return ingest;
  }

  subscribe(request: ViewRequest, outlet: ViewOutlet, now: Instant): RelayView | undefined {
    const refusal = this.#refuseView(request.track);
    if (refusal !== undefined) {
      outlet.refuse(refusal, now);
      return undefined;
    }
    let view: TrackView | Refusal | undefined;
    const onOver = (): void => {
      if (view !== undefined && !("reason" in view)) this.#views.delete(view);
    };
    view = this.#surroundings.view(this, request, outlet, onOver, now);
    if ("reason" in view) {
      outlet.refuse(view, now);
      return undefined;
    }
    if (view.isOver) return undefined;
    this.#views.add(view);
    return view;
  }

  fetch(request: FetchRequest, outlet: FetchOutlet, _now: Instant): Fetching | undefined {
    let isOver = false;
    let fetching: Fetching | undefined;
    const onOver = (): void => {
      isOver = true;
      if (fetching !== undefined) this.#fetches.delete(fetching);
    };
    const begun = this.#refuseView(request.track) ?? this.#surroundings.fetch(request, outlet, onOver);
    if ("reason" in begun) {
      outlet.refuse(begun);
      return undefined;
    }
    if (isOver) return undefined;
    fetching = begun;
    this.#fetches.add(begun);
    return begun;
  }

  status(track: TrackName): TrackStatus | Refusal {
    return this.maySubscribe(track.namespace) ? this.#surroundings.status(track) : notAllowed("subscribe");
  }

  watchNamespaces(prefix: Namespace, watcher: NamespaceWatcher, _now: Instant): Registration | Refusal {
    const ifAllowed = (tell: (namespace: Namespace) => void) => (namespace: Namespace) => {
      if (this.maySubscribe(namespace)) tell(namespace);
    };
    const appeared = ifAllowed((namespace) => watcher.appeared(namespace));
    const gone = ifAllowed((namespace) => watcher.gone(namespace));
    return this.#watch("namespaces", { peer: this, prefix, appeared, gone }, undefined);
  }

  watchTracks(prefix: Namespace, watcher: TrackWatcher, _now: Instant): Registration | Refusal {
    return this.#watch("tracks", { peer: this, prefix, appeared: () => {}, gone: () => {} }, watcher);
  }

  grant(grant: Grant, _now: Instant): void {
    this.#grant = grant;
    this.#surroundings.arm(this, grant.expires);
  }

  /** What it may do has expired. */
  handleTimeout(now: Instant): void {
    this.#end("expired", now);
    this.#grant = { publish: [], subscribe: [] };
    this.#onExpired?.(now);
  }

  close(now: Instant): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#surroundings.arm(this, undefined);
    this.#end("lost", now);
    this.#surroundings.forget(this);
  }

  #end(reason: "expired" | "lost", now: Instant): void {
    // What it watches must not tell it of its own end.
    for (const [watch, kind] of this.#watches) this.#surroundings.unwatch(kind, watch);
    this.#watches.clear();
    for (const view of [...this.#views]) {
      if (reason === "lost") view.cancel(now);
      else view.end(reason, now, true);
    }
    for (const fetching of [...this.#fetches]) fetching.cancel();
    for (const presence of [...this.#presences]) {
      this.#presences.delete(presence);
      this.#surroundings.withdraw(presence, now);
    }
    for (const ingest of [...this.#pushes]) ingest.end("lost", now);
    this.#pushes.clear();
  }

  #watch(
    kind: "namespaces" | "tracks",
    watch: Watch<PeerState>,
    watcher: TrackWatcher | undefined,
  ): Registration | Refusal {
    const { subscribe } = this.#grant;
    const isAllowed = subscribe.some((each) => isBelow(watch.prefix, each) || isBelow(each, watch.prefix));
    const refusal = this.#refuseName() ?? (isAllowed ? undefined : notAllowed("subscribe"));
    if (refusal !== undefined) return refusal;
    this.#watches.set(watch, kind);
    this.#surroundings.watch(kind, watch, watcher);
    return {
      withdraw: () => {
        if (this.#watches.delete(watch)) this.#surroundings.unwatch(kind, watch);
      },
    };
  }

  #refuseName(): Refusal | undefined {
    for (const ingest of this.#pushes) if (ingest.isOver) this.#pushes.delete(ingest);
    const names = this.#presences.size + this.#pushes.size + this.#watches.size;
    return this.#isClosed || names >= this.#surroundings.maxNamesPerPeer ? EXCEEDED : undefined;
  }

  #refuseView({ namespace }: TrackName): Refusal | undefined {
    if (!this.maySubscribe(namespace)) return notAllowed("subscribe");
    const count = this.#views.size + this.#fetches.size;
    return this.#isClosed || count >= this.#surroundings.maxViewsPerPeer ? EXCEEDED : undefined;
  }
}

const notAllowed = (what: string): Refusal => ({
  reason: "unauthorized",
  message: `the token does not allow this peer to ${what} here`,
});
