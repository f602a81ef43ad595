/** A player with a clock: what a viewer hears and sees of frames that arrive, and when. Knows no protocol. */

import type { Instant } from "../../base/time.ts";

/** A frame that can be decoded when it arrives. Seconds of the media's timeline. */
export interface Arrival {
  readonly kind: "audio" | "video";
  readonly time: number;
  readonly duration: number;
  /** Microseconds. */
  readonly at: Instant;
}

export interface PlayerOptions {
  /** Seconds between a frame's making and its showing: the buffer. */
  readonly buffer: number;
  /** True if missing pictures stop the sound too, and everything is played; false if pictures are skipped. */
  readonly needsPictures: boolean;
}

export interface Watched {
  /** Milliseconds without sound after it began. */
  readonly silence: number;
  /** Seconds of pictures that were never shown. */
  readonly skipped: number;
  /** The age of the picture on the screen, in milliseconds, at each step. */
  readonly latency: readonly { readonly at: number; readonly milliseconds: number }[];
}

/** Seconds. */
const STEP = 0.01;
const CLOSE = 1e-6;

/** Plays from `start` to `end`, both microseconds of the network's clock; `start` is when the media's second 0 was made. */
export function play(arrivals: readonly Arrival[], start: Instant, end: Instant, options: PlayerOptions): Watched {
  const audio = new Track(arrivals, "audio", start);
  const video = new Track(arrivals, "video", start);
  const latency: { at: number; milliseconds: number }[] = [];
  let head: number | undefined;
  let silence = 0;
  for (let now = 0; now < (end - start) / 1e6; now += STEP) {
    audio.arrive(now);
    video.arrive(now);
    if (head === undefined) {
      // It begins with the first sound and picture, once its buffer is full.
      if (now < options.buffer || audio.first === undefined || video.first === undefined) continue;
      head = Math.max(now - options.buffer, audio.first, video.first);
    }
    const canPlay = audio.covers(head) && (!options.needsPictures || video.covers(head));
    if (canPlay) head += STEP;
    else silence += STEP;
    video.show(head);
    latency.push({ at: now, milliseconds: (now - (video.shown ?? head)) * 1_000 });
  }
  return { silence: silence * 1_000, skipped: video.missed, latency };
}

class Track {
  first: number | undefined;
  /** The time of the frame on the screen. */
  shown: number | undefined;
  /** Seconds that were never shown, between those that were. */
  missed = 0;
  readonly #frames: readonly (Arrival & { readonly seconds: number })[];
  readonly #ready: Arrival[] = [];
  #next = 0;
  #end = 0;

  constructor(arrivals: readonly Arrival[], kind: Arrival["kind"], start: Instant) {
    this.#frames = arrivals
      .filter((each) => each.kind === kind)
      .map((each) => ({ ...each, seconds: (each.at - start) / 1e6 }))
      .sort((a, b) => a.at - b.at);
  }

  arrive(now: number): void {
    for (
      let next = this.#frames[this.#next];
      next !== undefined && next.seconds <= now;
      next = this.#frames[this.#next]
    ) {
      this.#next += 1;
      this.first ??= next.time;
      this.#ready.push(next);
    }
  }

  covers(time: number): boolean {
    return this.#ready.some((frame) => frame.time <= time + CLOSE && frame.time + frame.duration > time + CLOSE);
  }

  /** Shows the newest picture that is due; forgets what is over. */
  show(head: number): void {
    let newest: Arrival | undefined;
    for (const frame of this.#ready)
      if (
        frame.time <= head + CLOSE &&
        frame.time > (this.shown ?? -1) + CLOSE &&
        (newest === undefined || frame.time > newest.time)
      )
        newest = frame;
    if (newest === undefined) return;
    // Steps are shorter than frames: what lies between two that are shown was late.
    if (this.shown !== undefined) this.missed += Math.max(0, newest.time - this.#end);
    this.shown = newest.time;
    this.#end = newest.time + newest.duration;
    const old = this.#ready.filter((frame) => frame.time + frame.duration > head - 1);
    this.#ready.splice(0, this.#ready.length, ...old);
  }
}
