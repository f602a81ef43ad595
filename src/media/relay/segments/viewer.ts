/** A broadcast of the relay as segments for a peer: its catalog is read, and each group of its tracks is pushed. */

import type { Instant } from "../../../base/time.ts";
import { equalBytes, utf8 } from "../../../wire/text.ts";
import { BmffError, type InitSegment, parseInitSegment } from "../../bmff/index.ts";
import { CatalogOutlet } from "../../broadcast/gathering.ts";
import { isPlayable, type PlayableTrack, readCatalog } from "../../broadcast/playable.ts";
import { MSF_TRACK } from "../../catalog/index.ts";
import type { Namespace } from "../../moq/model.ts";
import type { Refusal, TrackEnd } from "../model.ts";
import type { RelayPeer, RelayView, ViewOutlet } from "../peer.ts";
import { type PushedTrack, type Pushing, SegmentOutlet } from "./outlet.ts";

/** What is pushed, and whose it is. */
export interface SegmentViewerOptions extends Pushing {
  readonly peer: RelayPeer;
  readonly namespace: Namespace;
  /** Milliseconds to wait for a publisher. */
  readonly wait: number;
  /** There is no broadcast, or no more of it. */
  readonly onEnd: (end: TrackEnd | Refusal, now: Instant) => void;
}

interface Watched extends PushedTrack {
  view: RelayView | undefined;
}

/** From the newest group on, until it ends. */
export class SegmentViewer {
  readonly #options: SegmentViewerOptions;
  readonly #tracks = new Map<string, Watched>();
  #catalog: RelayView | undefined;
  #ids = 0;
  #isOver = false;

  constructor(options: SegmentViewerOptions, now: Instant) {
    this.#options = options;
    const outlet = new CatalogOutlet(
      (bytes, at) => this.#handleCatalog(bytes, at),
      (end) => this.#end(end),
    );
    this.#catalog = this.#subscribe(MSF_TRACK, outlet, now);
  }

  /** There may be room again. */
  handleRoom(now: Instant): void {
    this.#catalog?.handleRoom(now);
    for (const { view } of [...this.#tracks.values()]) view?.handleRoom(now);
  }

  /** Wants no more of it. */
  close(now: Instant): void {
    this.#isOver = true;
    this.#catalog?.cancel(now);
    for (const { view } of this.#tracks.values()) view?.cancel(now);
    this.#tracks.clear();
  }

  #subscribe(name: string, outlet: ViewOutlet, now: Instant): RelayView | undefined {
    const { peer, namespace, wait } = this.#options;
    const request = {
      track: { namespace, name: utf8(name) },
      range: { start: "newest-group" },
      rendezvous: wait,
    } as const;
    return peer.subscribe(request, outlet, now);
  }

  /** Follows the broadcast: what is new is subscribed to, what is gone is left, what changed begins with another init. */
  #handleCatalog(bytes: Uint8Array, now: Instant): void {
    const catalog = readCatalog(bytes);
    // One that cannot be read changes nothing.
    if (this.#isOver || typeof catalog === "string") return;
    const playable = new Map(catalog.tracks.filter(isPlayable).map((track) => [track.name, track]));
    for (const [name, { view }] of this.#tracks) {
      if (playable.has(name)) continue;
      view?.cancel(now);
      this.#tracks.delete(name);
    }
    for (const [name, track] of playable) this.#follow(name, track, now);
  }

  #follow(name: string, { init }: PlayableTrack, now: Instant): void {
    const known = this.#tracks.get(name);
    if (known !== undefined && equalBytes(known.init.bytes, init)) return;
    const parsed = initOf(init);
    if (parsed === undefined) return;
    if (known !== undefined) {
      known.init = parsed;
      return;
    }
    this.#ids += 1;
    const watched: Watched = { id: this.#ids, init: parsed, view: undefined };
    this.#tracks.set(name, watched);
    const outlet = new SegmentOutlet(this.#options, watched, () => this.#tracks.delete(name));
    watched.view = this.#subscribe(name, outlet, now);
    // What waited for the view while it was made.
    watched.view?.handleRoom(now);
  }

  #end(end: TrackEnd | Refusal): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#options.onEnd(end, this.#options.now());
  }
}

/** Undefined if it cannot be read, or is not of one track. */
function initOf(bytes: Uint8Array): InitSegment | undefined {
  try {
    const init = parseInitSegment(bytes);
    return init.tracks.length === 1 ? init : undefined;
  } catch (error) {
    if (error instanceof BmffError) return undefined;
    throw error;
  }
}
