/**
 * One track by Media Source Extensions, where WebCodecs or a codec is missing. Picture and sound have an element each, so that sound
 * goes on while pictures are missing; both follow the pace.
 */

import type { AssembledFragment } from "../../../src/media/assembly/index.ts";
import type { Track } from "../../../src/media/bmff/index.ts";
import type { Pace, RenderEvents, Renderer, RenderStats } from "./renderer.ts";

/** Seconds that an element may be away from the pace before it is moved. */
const TOLERANCE = 0.12;
/** Seconds of media that are kept behind the position. */
const KEEP = 6;
/** Seconds between two removals. */
const REMOVE_EVERY = 4;
/** Fragments that wait for the buffer's turn. */
const MAX_WAITING = 600;

/** iPhones have only the managed one. */
const Source = (): typeof MediaSource | undefined =>
  (globalThis as { ManagedMediaSource?: typeof MediaSource }).ManagedMediaSource ??
  (globalThis as { MediaSource?: typeof MediaSource }).MediaSource;

/** As `MediaSource` names a track. */
export const mimeOf = ({ kind, codec }: Track): string => `${kind}/mp4; codecs="${codec.name}"`;

export const canBuffer = (track: Track): boolean => Source()?.isTypeSupported(mimeOf(track)) === true;

export class BufferedTrack implements Renderer {
  readonly #element: HTMLMediaElement;
  readonly #events: RenderEvents;
  readonly #source: MediaSource;
  readonly #waiting: (Uint8Array | { readonly type: string })[] = [];
  readonly #url: string;
  #buffer: SourceBuffer | undefined;
  #removedAt = 0;
  #failures = 0;
  #isOpen = false;
  #isClosed = false;
  #pace: Pace = { position: undefined, rate: 0 };

  constructor(element: HTMLMediaElement, events: RenderEvents) {
    this.#element = element;
    this.#events = events;
    this.#source = new (Source()!)();
    this.#url = URL.createObjectURL(this.#source);
    element.disableRemotePlayback = true;
    element.src = this.#url;
    this.#source.addEventListener("sourceopen", () => {
      this.#isOpen = true;
      this.#append();
    });
    element.addEventListener("error", () => this.#fail(element.error?.message ?? "the element failed"));
  }

  get stats(): RenderStats {
    const { totalVideoFrames = 0, droppedVideoFrames = 0 } =
      this.#element instanceof HTMLVideoElement ? this.#element.getVideoPlaybackQuality() : {};
    const position = this.#buffer === undefined ? undefined : this.#element.currentTime;
    return { shown: totalVideoFrames - droppedVideoFrames, dropped: droppedVideoFrames, missing: 0, position };
  }

  configure(track: Track): void {
    this.#waiting.push({ type: mimeOf(track) }, track.init);
    this.#append();
  }

  push({ bytes }: AssembledFragment): void {
    this.#waiting.push(bytes);
    if (this.#waiting.length > MAX_WAITING) this.#fail("the buffer takes no more");
    this.#append();
  }

  skip(): void {}

  follow(pace: Pace): void {
    this.#pace = pace;
    const { position, rate } = pace;
    const element = this.#element;
    if (position === undefined || this.#buffer === undefined) return;
    if (rate === 0) {
      if (!element.paused) element.pause();
      return;
    }
    const ahead = element.currentTime - position;
    const isThere = isBuffered(element.buffered, position);
    if (isThere && Math.abs(ahead) > TOLERANCE) element.currentTime = position;
    element.playbackRate = rate + (Math.abs(ahead) > TOLERANCE ? 0 : Math.max(-0.03, Math.min(0.03, -ahead)));
    // Without a gesture of the user, only what is muted may begin.
    if (element.paused && isThere) element.play().catch(() => {});
    this.#removeOld(position);
  }

  close(): void {
    this.#isClosed = true;
    this.#element.removeAttribute("src");
    this.#element.load();
    URL.revokeObjectURL(this.#url);
  }

  #append(): void {
    if (!this.#isOpen || this.#isClosed || this.#buffer?.updating || this.#source.readyState !== "open") return;
    const next = this.#waiting.shift();
    if (next === undefined) return;
    try {
      if (next instanceof Uint8Array) {
        this.#buffer!.appendBuffer(next as Uint8Array<ArrayBuffer>);
        return;
      }
      if (this.#buffer === undefined) this.#open(next.type);
      else this.#buffer.changeType(next.type);
      this.#append();
    } catch (error) {
      if ((error as Error).name === "QuotaExceededError" && this.#pace.position !== undefined) {
        this.#waiting.unshift(next);
        this.#remove(this.#pace.position - 1);
      } else this.#fail((error as Error).message);
    }
  }

  #open(type: string): void {
    this.#buffer = this.#source.addSourceBuffer(type);
    this.#buffer.addEventListener("updateend", () => {
      this.#failures = 0;
      this.#append();
    });
    this.#buffer.addEventListener("error", () => this.#fail("the buffer refused a fragment"));
  }

  #removeOld(position: number): void {
    if (this.#buffer?.updating !== false || position - this.#removedAt < KEEP + REMOVE_EVERY) return;
    this.#removedAt = position - KEEP;
    this.#remove(this.#removedAt);
  }

  #remove(until: number): void {
    const buffer = this.#buffer!;
    if (buffer.updating || buffer.buffered.length === 0 || buffer.buffered.start(0) >= until) return;
    buffer.remove(0, until);
  }

  #fail(message: string): void {
    this.#failures += 1;
    if (this.#isClosed || this.#failures > 1) return;
    this.#events.onFailure(message);
  }
}

function isBuffered(ranges: TimeRanges, position: number): boolean {
  for (let i = 0; i < ranges.length; i += 1) {
    if (ranges.start(i) <= position && position < ranges.end(i)) return true;
  }
  return false;
}
