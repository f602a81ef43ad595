/** One track of an assembly: which of its segments is being followed, and when to give it up for a later one. */

import { after, earliest, type Instant, type Micros, since, toMillis } from "../../base/time.ts";
import { equalBytes } from "../../wire/text.ts";
import { isSync, presentationTime } from "../bmff/index.ts";
import type { IncomingFragment, IncomingSegment } from "../segments/index.ts";
import { shifted } from "./decode-time.ts";
import type { AssembledFragment, AssemblyEvent } from "./events.ts";

/** Seconds: what is closer than this follows without a gap. */
const TOLERANCE = 0.05;
/** Seconds: times that go back further are another timeline. */
const RESTART = 10;

/** A segment of the line: what came of it and was not told yet. */
interface Entry {
  /** Seconds: when its first sample is decoded. */
  readonly start: number;
  /** Units to add to the decode times of its fragments. */
  readonly shift: number;
  /** Where it comes from: two sessions may bring the same one. */
  readonly sources: Set<IncomingSegment>;
  readonly held: AssembledFragment[];
  readonly firstArrival: Instant;
  lastArrival: Instant;
  isComplete: boolean;
}

/** Hand it what arrives, in any order. */
export class TrackLine {
  readonly key: string;
  readonly #maxWait: Micros;
  readonly #emit: (event: AssemblyEvent) => void;
  readonly #bySource = new Map<IncomingSegment, Entry | undefined>();
  /** By start; the first is followed once the line has begun. */
  #entries: Entry[] = [];
  #current: Entry | undefined;
  /** Seconds: the end of what was told. */
  #position: number | undefined;
  #newest = -1;
  #init: Uint8Array | undefined;
  /** The earliest arrival of a fragment, less its time. */
  #punctual: Micros | undefined;
  #held = 0;
  /** True if the segment before was not complete. */
  #wasCut = false;

  constructor(key: string, maxWait: Micros, emit: (event: AssemblyEvent) => void) {
    this.key = key;
    this.#maxWait = maxWait;
    this.#emit = emit;
  }

  /** Bytes of fragments that wait for earlier ones. */
  get held(): number {
    return this.#held;
  }

  /** Another session brings the next segments: their numbers begin again. */
  handleReconnect(): void {
    this.#newest = -1;
  }

  fragment(segment: IncomingSegment, fragment: IncomingFragment, now: Instant): void {
    if (fragment.content.samples.length === 0) return;
    const isKnown = this.#bySource.has(segment);
    const entry = isKnown ? this.#bySource.get(segment) : this.#open(segment, fragment, now);
    this.#bySource.set(segment, entry);
    if (entry === undefined) {
      if (!isKnown) segment.stop();
      return;
    }
    this.#hold(entry, this.#placed(segment, entry, fragment, now), now);
    this.#advance(now);
  }

  end(segment: IncomingSegment, isComplete: boolean, now: Instant): void {
    const entry = this.#bySource.get(segment);
    this.#bySource.delete(segment);
    if (entry === undefined) return;
    entry.sources.delete(segment);
    entry.isComplete ||= isComplete;
    this.#advance(now);
  }

  /** When the wait for the rest of a segment ends. */
  nextTimeout(): Instant | undefined {
    const next = this.#next;
    if (this.#current === undefined || next === undefined) return undefined;
    return after(Math.max(this.#current.lastArrival, next.firstArrival) as Instant, this.#maxWait);
  }

  handleTimeout(now: Instant): void {
    this.#advance(now);
  }

  /** Too much waits: goes on with the next segment. Returns false if there is none. */
  skip(now: Instant): boolean {
    if (this.#next === undefined) return false;
    this.#leave();
    this.#advance(now);
    return true;
  }

  /** Undefined if it is of no use any more. */
  #open(segment: IncomingSegment, fragment: IncomingFragment, now: Instant): Entry | undefined {
    const { content } = fragment;
    const { timescale } = segment.track;
    const [first] = content.samples;
    const shown = Math.min(...content.samples.map(presentationTime));
    const shift = segment.timestamp === undefined ? 0 : Math.round(segment.timestamp * timescale) - shown;
    const start = (first!.decodeTime + shift) / timescale;
    const isNewer = segment.sequence > this.#newest;
    this.#newest = Math.max(this.#newest, segment.sequence);
    const position = this.#position ?? Number.NEGATIVE_INFINITY;
    if (isNewer && start < position - RESTART) this.#restart(start);
    const same = this.#entries.find((entry) => Math.abs(entry.start - start) < TOLERANCE);
    if (same !== undefined) {
      same.sources.add(segment);
      return same;
    }
    if (start < (this.#position ?? start) - TOLERANCE) return undefined;
    const entry: Entry = {
      start,
      shift,
      sources: new Set([segment]),
      held: [],
      firstArrival: now,
      lastArrival: now,
      isComplete: false,
    };
    const at = this.#entries.findIndex((other) => other.start > start);
    this.#entries.splice(at < 0 ? this.#entries.length : at, 0, entry);
    return entry;
  }

  #restart(to: number): void {
    const from = this.#position!;
    for (const entry of this.#entries) this.#drop(entry);
    this.#entries = [];
    this.#current = undefined;
    this.#position = undefined;
    this.#punctual = undefined;
    this.#emit({ type: "restart", key: this.key, from, to });
  }

  #placed(segment: IncomingSegment, entry: Entry, fragment: IncomingFragment, now: Instant): AssembledFragment {
    const { samples } = fragment.content;
    const { track, init } = segment;
    const first = samples[0]!;
    const units = samples.reduce((sum, { duration }) => sum + duration, 0);
    const time = (first.decodeTime + entry.shift) / track.timescale;
    const lag = (now - time * 1e6) as Micros;
    this.#punctual = Math.min(this.#punctual ?? lag, lag) as Micros;
    return {
      key: this.key,
      track,
      init,
      bytes: entry.shift === 0 ? fragment.bytes : (shifted(fragment.bytes, entry.shift) ?? fragment.bytes),
      time,
      duration: units / track.timescale,
      isSync: isSync(first),
      wallClock: fragment.wallClock,
      delay: toMillis(since(this.#punctual as number as Instant, lag as number as Instant)),
    };
  }

  /** Two sources may bring the same fragment. */
  #hold(entry: Entry, fragment: AssembledFragment, now: Instant): void {
    entry.lastArrival = now;
    const told = entry === this.#current ? this.#position! : Number.NEGATIVE_INFINITY;
    const last = entry.held.at(-1);
    const next = last === undefined ? told : last.time + last.duration;
    if (fragment.time + fragment.duration / 2 < next) return;
    entry.held.push(fragment);
    this.#held += fragment.bytes.length;
  }

  /** The first entry with something to tell after the one that is followed. */
  get #next(): Entry | undefined {
    return this.#entries.find((entry) => entry !== this.#current && entry.held.length > 0);
  }

  /** Tells everything that is in its place. */
  #advance(now: Instant): void {
    for (;;) {
      if (this.#current !== undefined) this.#tell(this.#current);
      const next = this.#next;
      if (next === undefined || !this.#mayLeave(next, now)) return;
      this.#leave();
      this.#follow(next);
    }
  }

  #mayLeave(next: Entry, now: Instant): boolean {
    const current = this.#current;
    if (current === undefined) return true;
    const follows = next.start < this.#position! + TOLERANCE;
    if (current.isComplete && follows) return true;
    // It was cut off, and nobody brings the rest.
    if (!current.isComplete && current.sources.size === 0) return true;
    return now >= this.nextTimeout()!;
  }

  #leave(): void {
    if (this.#current === undefined) return;
    const left = this.#current;
    this.#entries = this.#entries.filter((entry) => entry !== left);
    if (!left.isComplete) this.#wasCut = true;
    this.#drop(left);
    this.#current = undefined;
  }

  #follow(next: Entry): void {
    const from = this.#position;
    if (from !== undefined && next.start > from + TOLERANCE) {
      this.#emit({ type: "skip", key: this.key, from, to: next.start, reason: this.#wasCut ? "late" : "gap" });
    }
    this.#wasCut = false;
    // What is before it was not begun, and now comes too late.
    for (const entry of this.#entries) if (entry.start < next.start) this.#drop(entry);
    this.#entries = this.#entries.filter(({ start }) => start >= next.start);
    this.#current = next;
    this.#position = next.start;
  }

  /** Stops what still brings it. */
  #drop(entry: Entry): void {
    for (const { bytes } of entry.held.splice(0)) this.#held -= bytes.length;
    for (const source of [...entry.sources]) {
      this.#bySource.set(source, undefined);
      entry.sources.delete(source);
      source.stop();
    }
  }

  #tell({ held }: Entry): void {
    for (const fragment of held.splice(0)) {
      const { key, bytes, time, duration, track, init } = fragment;
      this.#held -= bytes.length;
      if (this.#init === undefined || !equalBytes(this.#init, track.init)) {
        this.#init = track.init;
        this.#emit({ type: "track", key, track, init });
      }
      this.#position = time + duration;
      this.#emit({ type: "fragment", fragment });
    }
  }
}

/** For `nextTimeout` of several lines. */
export const earliestOf = (lines: Iterable<TrackLine>): Instant | undefined => {
  let next: Instant | undefined;
  for (const line of lines) next = earliest(next, line.nextTimeout());
  return next;
};
