/** The renditions of the picture: which one is played, and how another one takes over at a keyframe. */

import type { Instant } from "../../../src/base/time.ts";
import type { AssemblyEvent } from "../../../src/media/assembly/index.ts";
import type { CatalogTrack } from "../../../src/media/catalog/index.ts";
import { RenditionChooser } from "../playout/rendition-chooser.ts";
import type { BroadcastSource } from "./broadcast-source.ts";

/** Seconds: a group that begins this much before the end of what is there follows it. */
const TOLERANCE = 0.1;

const size = ({ bitrate = 0, width = 0, height = 0 }: CatalogTrack): number => bitrate || width * height;

export class VideoTracks {
  readonly #source: BroadcastSource;
  /** The worst first. */
  readonly #renditions: readonly CatalogTrack[];
  readonly #chooser: RenditionChooser;
  #current: CatalogTrack;
  #next: CatalogTrack | undefined;
  #nextInit: AssemblyEvent | undefined;
  /** Seconds: the end of what was passed on. */
  #end = Number.NEGATIVE_INFINITY;
  #replay: AssemblyEvent | undefined;
  #switches = 0;

  constructor(tracks: readonly CatalogTrack[], source: BroadcastSource, now: number) {
    this.#source = source;
    this.#renditions = [...tracks].sort((a, b) => size(a) - size(b));
    this.#chooser = new RenditionChooser(tracks.length, tracks.length - 1, now);
    this.#current = this.#renditions.at(-1)!;
  }

  /** Begins with the best. Media may come before this returns. */
  start(): void {
    this.#source.subscribe(this.#current, this.#source.now());
  }

  get current(): CatalogTrack {
    return this.#current;
  }

  get switches(): number {
    return this.#switches;
  }

  /** What has to be told before the event that was accepted just now. */
  takeReplay(): AssemblyEvent | undefined {
    const event = this.#replay;
    this.#replay = undefined;
    return event;
  }

  /** False for what is not played. */
  accepts(event: AssemblyEvent, track: CatalogTrack, now: Instant): boolean {
    if (track.name === this.#current.name) {
      if (event.type === "fragment") this.#end = event.fragment.time + event.fragment.duration;
      return true;
    }
    if (track.name !== this.#next?.name) return false;
    if (event.type === "track") this.#nextInit = event;
    if (event.type !== "fragment" || !event.fragment.isSync || event.fragment.time < this.#end - TOLERANCE)
      return false;
    this.#source.unsubscribe(this.#current.name, now);
    this.#current = this.#next;
    this.#next = undefined;
    this.#replay = this.#nextInit;
    this.#end = event.fragment.time + event.fragment.duration;
    this.#switches += 1;
    return true;
  }

  handleTrouble(now: number, at: Instant): void {
    if (this.#chooser.handleTrouble(now)) this.#choose(at);
  }

  handleCalm(now: number, at: Instant): void {
    if (this.#chooser.handleCalm(now)) this.#choose(at);
  }

  close(at: Instant): void {
    this.#source.unsubscribe(this.#current.name, at);
    if (this.#next !== undefined) this.#source.unsubscribe(this.#next.name, at);
  }

  #choose(at: Instant): void {
    const wanted = this.#renditions[this.#chooser.index]!;
    if (this.#next !== undefined && this.#next.name !== wanted.name) this.#source.unsubscribe(this.#next.name, at);
    this.#next = undefined;
    if (wanted.name === this.#current.name) return;
    this.#next = wanted;
    this.#nextInit = undefined;
    this.#source.subscribe(wanted, at);
  }
}
