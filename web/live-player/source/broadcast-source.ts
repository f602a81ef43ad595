/**
 * A broadcast as a player needs it: its catalog, and the fragments of the tracks that are played, in order, with what is missing
 * between them. The dialect of the relay makes no difference here.
 */

import { earliest, type Instant } from "../../../src/base/time.ts";
import { type AssemblyEvent, SegmentAssembly } from "../../../src/media/assembly/index.ts";
import { BmffError, boxesIn, parseReferenceTime } from "../../../src/media/bmff/index.ts";
import { CatalogOutlet, Gathering } from "../../../src/media/broadcast/gathering.ts";
import {
  type Catalog,
  CatalogError,
  type CatalogTrack,
  HANG_TRACK,
  MSF_TRACK,
  parseHang,
  parseMsf,
  playerTrackOf,
} from "../../../src/media/catalog/index.ts";
import type { Namespace } from "../../../src/media/moq/model.ts";
import type {
  Refusal,
  RelayPeer,
  RelayView,
  SubgroupStart,
  TrackEnd,
  ViewerStream,
  ViewOutlet,
} from "../../../src/media/relay/index.ts";
import { type IncomingSegment, readFragment } from "../../../src/media/segments/index.ts";
import { utf8 } from "../../../src/wire/text.ts";

/** Milliseconds to wait for a publisher that is not there yet, or that went away. */
const PATIENCE = 600_000;

export interface SourceOptions {
  readonly peer: RelayPeer;
  readonly namespace: Namespace;
  readonly now: () => Instant;
  /** Milliseconds that a hole may hold back what came after it. */
  readonly maxWait: number;
  readonly onTracks: (tracks: readonly CatalogTrack[]) => void;
  readonly onEvent: (event: AssemblyEvent, track: CatalogTrack) => void;
  readonly onNotice: (message: string) => void;
  readonly onEnd: (message: string) => void;
}

/** A track that is subscribed to. */
interface Subscription {
  readonly track: CatalogTrack;
  readonly assembly: SegmentAssembly;
  view: RelayView | undefined;
  isClosed: boolean;
}

/** Subscribe to tracks once there is a catalog; they begin with their newest group. */
export class BroadcastSource {
  readonly #options: SourceOptions;
  readonly #subscriptions = new Map<string, Subscription>();
  readonly #catalogs: RelayView[] = [];
  #tracks: readonly CatalogTrack[] = [];
  #refusals = 0;
  #bytes = 0;

  constructor(options: SourceOptions, now: Instant) {
    this.#options = options;
    this.#readCatalog(MSF_TRACK, parseMsf, now);
    this.#readCatalog(HANG_TRACK, parseHang, now);
  }

  now(): Instant {
    return this.#options.now();
  }

  /** Of the catalog: those that can be played here. */
  get tracks(): readonly CatalogTrack[] {
    return this.#tracks;
  }

  /** Bytes of media so far. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Groups that came too late, and were left out by the relay or by this side. */
  get lateGroups(): number {
    let sum = 0;
    for (const { view } of this.#subscriptions.values()) sum += view?.stats.lateStreams ?? 0;
    return sum;
  }

  subscribe(track: CatalogTrack, now: Instant): void {
    if (this.#subscriptions.has(track.name)) return;
    const assembly = new SegmentAssembly({ maxWait: this.#options.maxWait, maxTracks: 1 });
    const own: Subscription = { track, assembly, view: undefined, isClosed: false };
    this.#subscriptions.set(track.name, own);
    const outlet = new TrackOutlet(track, {
      handle: (event, at) => {
        if (event.type === "fragment") this.#bytes += event.fragment.bytes.length;
        assembly.handle(event, at);
        this.#drain(own);
      },
      now: this.#options.now,
      onNotice: this.#options.onNotice,
      onEnd: (message) => {
        if (!own.isClosed) this.#options.onEnd(message);
      },
    });
    own.view = this.#options.peer.subscribe(this.#request(track.name), outlet, now);
  }

  unsubscribe(name: string, now: Instant): void {
    const own = this.#subscriptions.get(name);
    if (own === undefined) return;
    own.isClosed = true;
    this.#subscriptions.delete(name);
    own.view?.cancel(now);
  }

  /** Another session brings what comes now. */
  handleReconnect(): void {
    for (const { assembly } of this.#subscriptions.values()) assembly.handleReconnect();
  }

  nextTimeout(): Instant | undefined {
    let next: Instant | undefined;
    for (const { assembly } of this.#subscriptions.values()) next = earliest(next, assembly.nextTimeout());
    return next;
  }

  handleTimeout(now: Instant): void {
    for (const own of [...this.#subscriptions.values()]) {
      own.assembly.handleTimeout(now);
      this.#drain(own);
    }
  }

  close(now: Instant): void {
    for (const name of [...this.#subscriptions.keys()]) this.unsubscribe(name, now);
    for (const view of this.#catalogs) view.cancel(now);
  }

  #request(name: string) {
    const { namespace } = this.#options;
    return {
      track: { namespace, name: utf8(name) },
      range: { start: "newest-group" },
      rendezvous: PATIENCE,
    } as const;
  }

  #readCatalog(name: string, parse: (bytes: Uint8Array) => Catalog, now: Instant): void {
    const outlet = new CatalogOutlet(
      (bytes) => this.#handleCatalog(bytes, parse),
      (end) => this.#handleNoCatalog(end),
    );
    const view = this.#options.peer.subscribe(this.#request(name), outlet, now);
    if (view !== undefined) this.#catalogs.push(view);
  }

  #handleCatalog(bytes: Uint8Array, parse: (bytes: Uint8Array) => Catalog): void {
    const { onNotice, onTracks } = this.#options;
    let catalog: Catalog;
    try {
      catalog = parse(bytes);
    } catch (error) {
      if (!(error instanceof CatalogError)) throw error;
      onNotice(`the catalog cannot be read: ${error.message}`);
      return;
    }
    const tracks = catalog.tracks.filter(({ packaging, init }) => packaging === "cmaf" && init !== undefined);
    const isSame = JSON.stringify(tracks.map(key)) === JSON.stringify(this.#tracks.map(key));
    if (tracks.length === 0) {
      if (this.#tracks.length === 0) onNotice(`nothing to play: ${namesOf(catalog.tracks)}`);
      return;
    }
    if (isSame) return;
    this.#tracks = tracks;
    onTracks(tracks);
  }

  /** Only one of both catalogs has to be there. */
  #handleNoCatalog(end: TrackEnd | Refusal): void {
    this.#refusals += 1;
    if (this.#refusals < 2) return;
    this.#options.onEnd(typeof end === "string" ? "the broadcast has ended" : end.message);
  }

  #drain({ assembly, track, isClosed }: Subscription): void {
    for (let event = assembly.pollEvent(); event !== undefined; event = assembly.pollEvent()) {
      if (!isClosed) this.#options.onEvent(event, track);
    }
  }
}

const key = ({ name, codec, init }: CatalogTrack): string => `${name} ${codec} ${init?.join()}`;
const namesOf = (tracks: readonly CatalogTrack[]): string =>
  tracks.map(({ name, packaging }) => `${name} is packaged as ${packaging}`).join(", ") || "the catalog is empty";

interface OutletSurroundings {
  readonly handle: (event: Parameters<SegmentAssembly["handle"]>[0], now: Instant) => void;
  readonly now: () => Instant;
  readonly onNotice: (message: string) => void;
  readonly onEnd: (message: string) => void;
}

/** Groups of a track as segments. */
class TrackOutlet implements ViewOutlet {
  readonly #surroundings: OutletSurroundings;
  readonly #init: ReturnType<typeof initOf>;

  constructor(track: CatalogTrack, surroundings: OutletSurroundings) {
    this.#surroundings = surroundings;
    this.#init = initOf(track);
  }

  accept(): void {}

  refuse({ message }: Refusal): void {
    this.#surroundings.onEnd(message);
  }

  open({ group }: SubgroupStart): ViewerStream {
    const { handle, now } = this.#surroundings;
    const segment = this.#segment(group);
    handle({ type: "segment", segment }, now());
    return new Gathering(
      group,
      (bytes) => this.#fragment(segment, bytes),
      (isComplete) => handle({ type: "segment-end", segment, isComplete }, now()),
    );
  }

  datagram({ group, payload }: { readonly group: number; readonly payload: Uint8Array }): void {
    const segment = this.#segment(group);
    this.#fragment(segment, payload);
    this.#surroundings.handle({ type: "segment-end", segment, isComplete: true }, this.#surroundings.now());
  }

  end(): void {
    this.#surroundings.onEnd("the broadcast has ended");
  }

  #segment(group: number): IncomingSegment {
    const { track, init } = this.#init;
    return { track, init, timestamp: undefined, sequence: group, stop: () => {} };
  }

  #fragment(segment: IncomingSegment, bytes: Uint8Array): void {
    const { handle, now, onNotice } = this.#surroundings;
    try {
      const boxes = boxesIn(bytes);
      const moof = boxes.find(({ type }) => type === "moof");
      if (moof === undefined) return;
      const prft = boxes.find(({ type }) => type === "prft");
      const content = readFragment({ moof: moof.bytes, offset: 0 }, segment.init);
      const wallClock = prft === undefined ? undefined : parseReferenceTime(prft)?.wallClock;
      handle({ type: "fragment", segment, fragment: { bytes, content, wallClock } }, now());
    } catch (error) {
      if (!(error instanceof BmffError)) throw error;
      onNotice(`a fragment is corrupt, and is left out: ${error.message}`);
    }
  }
}

function initOf(catalogTrack: CatalogTrack) {
  const track = playerTrackOf(catalogTrack);
  return { track, init: { bytes: track.init, tracks: [track] } };
}
