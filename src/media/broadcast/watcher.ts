/** Watches a broadcast: reads its catalog, subscribes to its tracks, and makes one stream of fragmented MP4 of them. */

import type { Instant } from "../../base/time.ts";
import { equalBytes, utf8 } from "../../wire/text.ts";
import { BmffError } from "../bmff/index.ts";
import { type Catalog, CatalogError, type CatalogTrack, MSF_TRACK, parseMsf } from "../catalog/index.ts";
import type { Namespace } from "../moq/model.ts";
import type { Refusal, SubgroupStart, TrackEnd } from "../relay/model.ts";
import type { RelayPeer, RelayView, ViewerStream, ViewOutlet } from "../relay/peer.ts";
import { CatalogOutlet, Gathering } from "./gathering.ts";
import { mergeInits, withTrackId } from "./merge.ts";

/** What a watcher tells. */
export interface WatcherEvents {
  /** Bytes of fragmented MP4: the initialization segment first, then chunks. */
  onBytes(bytes: Uint8Array): void;
  /** The catalog, whenever its tracks change. */
  onTracks?(tracks: readonly PlayableTrack[]): void;
  /** What people should know. */
  onNotice?(message: string): void;
  /** Nothing more comes. */
  onEnd(reason: TrackEnd | Refusal): void;
}

/** What is watched. */
export interface WatcherOptions extends WatcherEvents {
  readonly peer: RelayPeer;
  readonly namespace: Namespace;
  /** Milliseconds to wait for a publisher. */
  readonly wait: number;
  /** Only the tracks with these names; all by default. */
  readonly tracks?: readonly string[] | undefined;
}

/** One broadcast, from its newest group on. */
export class BroadcastWatcher {
  readonly #options: WatcherOptions;
  readonly #views: RelayView[] = [];
  #tracks: readonly PlayableTrack[] | undefined;
  #isOver = false;
  #objects = 0;
  #bytes = 0;

  constructor(options: WatcherOptions, now: Instant) {
    this.#options = options;
    this.#subscribe(
      MSF_TRACK,
      new CatalogOutlet(
        (bytes, at) => this.#handleCatalog(bytes, at),
        (end) => this.#end(end),
      ),
      now,
    );
  }

  /** Objects of media so far, and their bytes. */
  get stats(): { readonly objects: number; readonly bytes: number; readonly lateStreams: number } {
    const lateStreams = this.#views.reduce((sum, { stats }) => sum + stats.lateStreams, 0);
    return { objects: this.#objects, bytes: this.#bytes, lateStreams };
  }

  /** Ends it. */
  close(now: Instant): void {
    this.#isOver = true;
    for (const view of this.#views) view.cancel(now);
  }

  #subscribe(name: string, outlet: ViewOutlet, now: Instant): void {
    const { peer, namespace, wait } = this.#options;
    const request = {
      track: { namespace, name: utf8(name) },
      range: { start: "newest-group" },
      rendezvous: wait,
    } as const;
    const view = peer.subscribe(request, outlet, now);
    if (view !== undefined) this.#views.push(view);
  }

  #handleCatalog(bytes: Uint8Array, now: Instant): void {
    const { onNotice, onTracks, onBytes, tracks: wanted, onEnd } = this.#options;
    const all = readCatalog(bytes);
    if (typeof all === "string") {
      onNotice?.(all);
      return;
    }
    const playable = all.tracks.filter(isPlayable);
    const tracks = wanted === undefined ? playable : playable.filter(({ name }) => wanted.includes(name));
    if (this.#tracks !== undefined) {
      if (!sameTracks(this.#tracks, tracks))
        onNotice?.("the tracks of the broadcast changed; watch it again to follow");
      return;
    }
    if (tracks.length === 0) {
      const names = all.tracks.map(({ name }) => name).join(", ") || "none";
      onEnd({ reason: "does-not-exist", message: `no track of CMAF to watch; the catalog has ${names}` });
      return;
    }
    this.#tracks = tracks;
    onTracks?.(tracks);
    try {
      onBytes(mergeInits(tracks.map(({ init }) => init)));
    } catch (error) {
      if (!(error instanceof BmffError)) throw error;
      onEnd({ reason: "internal", message: `an initialization segment cannot be read: ${error.message}` });
      return;
    }
    for (const [index, { name }] of tracks.entries()) {
      const outlet = new MediaOutlet(
        (chunk) => this.#emit(chunk, index + 1),
        (end) => this.#end(end),
      );
      this.#subscribe(name, outlet, now);
    }
  }

  #emit(chunk: Uint8Array, id: number): void {
    try {
      const bytes = withTrackId(chunk, id);
      this.#objects += 1;
      this.#bytes += bytes.length;
      this.#options.onBytes(bytes);
    } catch (error) {
      if (!(error instanceof BmffError)) throw error;
      this.#options.onNotice?.(`a chunk cannot be read: ${error.message}`);
    }
  }

  #end(reason: TrackEnd | Refusal): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#options.onEnd(reason);
  }
}

/** A track whose CMAF header the catalog has. */
export type PlayableTrack = CatalogTrack & { readonly init: Uint8Array };

const isPlayable = (track: CatalogTrack): track is PlayableTrack =>
  track.packaging === "cmaf" && track.init !== undefined;

/** The catalog, or what is wrong with it. */
function readCatalog(bytes: Uint8Array): Catalog | string {
  try {
    return parseMsf(bytes);
  } catch (error) {
    if (error instanceof CatalogError) return `the catalog cannot be read: ${error.message}`;
    throw error;
  }
}

const sameTracks = (a: readonly PlayableTrack[], b: readonly PlayableTrack[]): boolean =>
  a.length === b.length &&
  a.every(({ name, init }, index) => name === b[index]!.name && equalBytes(init, b[index]!.init));

/** Objects in order: those of a newer group wait until the older one is over. */
class MediaOutlet implements ViewOutlet {
  readonly #onChunk: (chunk: Uint8Array) => void;
  readonly #onEnd: (end: TrackEnd | Refusal) => void;
  /** The oldest first. */
  readonly #groups: { readonly group: number; readonly waiting: Uint8Array[]; isOver: boolean }[] = [];

  constructor(onChunk: (chunk: Uint8Array) => void, onEnd: (end: TrackEnd | Refusal) => void) {
    this.#onChunk = onChunk;
    this.#onEnd = onEnd;
  }

  accept(): void {}

  refuse(refusal: Refusal): void {
    this.#onEnd(refusal);
  }

  open({ group }: SubgroupStart): ViewerStream {
    const own = { group, waiting: [] as Uint8Array[], isOver: false };
    this.#groups.push(own);
    this.#groups.sort((a, b) => a.group - b.group);
    return new Gathering(
      group,
      (chunk) => {
        if (this.#groups[0] === own) this.#onChunk(chunk);
        else own.waiting.push(chunk);
      },
      () => {
        own.isOver = true;
        this.#advance();
      },
    );
  }

  datagram({ payload }: { readonly payload: Uint8Array }): void {
    this.#onChunk(payload);
  }

  end(reason: TrackEnd): void {
    this.#onEnd(reason);
  }

  #advance(): void {
    while (this.#groups[0]?.isOver === true) {
      this.#groups.shift();
      for (const chunk of this.#groups[0]?.waiting.splice(0) ?? []) this.#onChunk(chunk);
    }
  }
}
