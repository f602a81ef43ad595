/** One fragmented MP4 of all tracks, for players and files: an initialization segment, and each fragment as it comes. */

import { Fifo } from "../../base/fifo.ts";
import { after, type Instant, millis } from "../../base/time.ts";
import type { Track } from "../bmff/index.ts";
import { renumbered } from "./decode-time.ts";
import type { AssembledFragment, AssemblyEvent } from "./events.ts";
import { joinInits } from "./joined-init.ts";

/** When the stream begins. */
export interface PlayableOptions {
  /** Milliseconds in which other tracks are waited for; at once with video and audio. 1,000 by default. */
  readonly trackWait?: number;
  /** Bytes that wait for other tracks; 8 MiB by default. */
  readonly maxHeld?: number;
}

/** Hand it the events of an assembly, then poll bytes. */
export class PlayableStream {
  readonly #options: PlayableOptions;
  readonly #output = new Fifo<Uint8Array>();
  readonly #tracks = new Map<string, Track>();
  /** Until the tracks are known. */
  #waiting: AssembledFragment[] | undefined = [];
  #held = 0;
  #deadline: Instant | undefined;

  constructor(options: PlayableOptions = {}) {
    this.#options = options;
  }

  /** The next bytes; undefined if there are none. */
  pollBytes(): Uint8Array | undefined {
    return this.#output.shift();
  }

  /** When to call `handleTimeout`. */
  nextTimeout(): Instant | undefined {
    return this.#deadline;
  }

  /** Other tracks were waited for. */
  handleTimeout(now: Instant): void {
    if (this.#deadline !== undefined && now >= this.#deadline) this.#begin();
  }

  /** Takes an event of an assembly. */
  handle(event: AssemblyEvent, now: Instant): void {
    if (event.type === "track") this.#handleTrack(event.key, event.track, now);
    if (event.type !== "fragment") return;
    if (this.#waiting === undefined) {
      this.#emit(event.fragment);
      return;
    }
    this.#waiting.push(event.fragment);
    this.#held += event.fragment.bytes.length;
    const kinds = new Set([...this.#tracks.values()].map(({ kind }) => kind));
    const isFull = this.#held > (this.#options.maxHeld ?? 8 * 1024 * 1024);
    if ((kinds.has("video") && kinds.has("audio")) || isFull) this.#begin();
  }

  #handleTrack(key: string, track: Track, now: Instant): void {
    this.#tracks.set(key, track);
    if (this.#waiting === undefined) this.#output.push(joinInits([...this.#tracks.values()]));
    else this.#deadline ??= after(now, millis(this.#options.trackWait ?? 1_000));
  }

  #begin(): void {
    const waiting = this.#waiting ?? [];
    this.#waiting = undefined;
    this.#deadline = undefined;
    this.#held = 0;
    this.#output.push(joinInits([...this.#tracks.values()]));
    for (const fragment of waiting) this.#emit(fragment);
  }

  #emit({ key, track, bytes }: AssembledFragment): void {
    const id = [...this.#tracks.keys()].indexOf(key) + 1;
    this.#output.push(id === track.id ? bytes : renumbered(bytes, id));
  }
}
