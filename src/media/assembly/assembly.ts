/** From segments that arrive in any order, whole or cut off, to the fragments of each track in order. */

import { Fifo } from "../../base/fifo.ts";
import { type Instant, millis } from "../../base/time.ts";
import type { SegmentEvent } from "../segments/index.ts";
import type { AssemblyEvent } from "./events.ts";
import { earliestOf, TrackLine } from "./track-line.ts";

/** What waits for what. */
export interface AssemblyOptions {
  /**
   * Milliseconds of silence after which the rest of a segment is given up for a later one: 100 by default. A player of live media
   * has a buffer at least as long; a recorder that wants everything takes what its disk allows.
   */
  readonly maxWait?: number;
  /** Bytes that wait for earlier ones; 32 MiB by default. */
  readonly maxHeld?: number;
  /** Tracks; 64 by default. The segments of others are stopped. */
  readonly maxTracks?: number;
}

/** Hand it the events of one session or several, one after another or at once, then poll events. */
export class SegmentAssembly {
  readonly #options: AssemblyOptions;
  readonly #events = new Fifo<AssemblyEvent>();
  readonly #lines = new Map<string, TrackLine>();

  constructor(options: AssemblyOptions = {}) {
    this.#options = options;
  }

  /** Bytes that wait for earlier ones. */
  get held(): number {
    let sum = 0;
    for (const { held } of this.#lines.values()) sum += held;
    return sum;
  }

  /** The next event; undefined if there is none. */
  pollEvent(): AssemblyEvent | undefined {
    return this.#events.shift();
  }

  /** Takes an event of a session. */
  handle(event: SegmentEvent, now: Instant): void {
    const { track } = event.segment;
    const key = `${track.kind}-${track.id}`;
    let line = this.#lines.get(key);
    if (line === undefined) {
      if (event.type === "segment-end") return;
      if (this.#lines.size >= (this.#options.maxTracks ?? 64)) {
        event.segment.stop();
        return;
      }
      line = new TrackLine(key, millis(this.#options.maxWait ?? 100), (told) => this.#events.push(told));
      this.#lines.set(key, line);
    }
    if (event.type === "segment-end") line.end(event.segment, event.isComplete, now);
    if (event.type !== "fragment") return;
    line.fragment(event.segment, event.fragment, now);
    while (this.held > (this.#options.maxHeld ?? 32 * 1024 * 1024) && this.#fullest().skip(now));
  }

  /** Another session brings the next segments. */
  handleReconnect(): void {
    for (const line of this.#lines.values()) line.handleReconnect();
  }

  /** When to call `handleTimeout`. */
  nextTimeout(): Instant | undefined {
    return earliestOf(this.#lines.values());
  }

  /** A wait is over. */
  handleTimeout(now: Instant): void {
    for (const line of this.#lines.values()) line.handleTimeout(now);
  }

  #fullest(): TrackLine {
    return [...this.#lines.values()].reduce((most, line) => (line.held > most.held ? line : most));
  }
}
