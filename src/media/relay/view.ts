/**
 * A viewer's subscription: a place in each run that it reads, and what it does when the viewer cannot keep up. A viewer that does not read
 * holds places, and no bytes.
 */

import { after, type Instant, type Micros, millis } from "../../base/time.ts";
import type { Location } from "../moq/model.ts";
import type { CachedGroup, Run, RunReader, TrackCache } from "./cache.ts";
import type { DatagramObject, TrackEnd, TrackInfo, ViewRange } from "./model.ts";
import type { RelayView, ViewerStream, ViewOutlet, ViewRequest, ViewStats, ViewUpdate } from "./peer.ts";

/** Runs of a viewer that wait or are being sent; more than these, and the oldest are late. */
const MAX_PLACES = 256;

/** What a view needs of its track. */
export interface ViewedTrack {
  readonly cache: TrackCache;
  readonly info: TrackInfo | undefined;
  /** The view is over. */
  forget(view: TrackView, now: Instant): void;
}

/** One viewer of one track. */
export class TrackView implements RelayView {
  readonly request: ViewRequest;
  readonly #outlet: ViewOutlet;
  readonly #track: ViewedTrack;
  readonly #places = new Set<Place>();
  #maxLatency: Micros;
  #priority: number;
  #forward: boolean;
  #range: ViewRange;
  /** Undefined until it was accepted. */
  #start: Location | undefined;
  #state: "waiting" | "open" | "over" = "waiting";
  /** Why it ends, once what was begun has been sent. */
  #ending: TrackEnd | undefined;
  #objects = 0;
  #bytes = 0;
  #groups = 0;
  #newestGroup = -1;
  #lateStreams = 0;

  readonly #onOver: () => void;
  /** Until when it waits for a publisher. */
  waitsUntil: Instant | undefined;

  constructor(
    track: ViewedTrack,
    request: ViewRequest,
    outlet: ViewOutlet,
    defaultLatency: Micros,
    onOver: () => void,
  ) {
    this.#track = track;
    this.#onOver = onOver;
    this.request = request;
    this.#outlet = outlet;
    this.#maxLatency = request.maxLatency === undefined ? defaultLatency : millis(request.maxLatency);
    this.#priority = request.priority ?? 128;
    this.#forward = request.forward ?? true;
    this.#range = request.range;
  }

  get isOver(): boolean {
    return this.#state === "over";
  }

  get isAccepted(): boolean {
    return this.#state === "open";
  }

  get stats(): ViewStats {
    return {
      objects: this.#objects,
      bytes: this.#bytes,
      groups: this.#groups,
      lateStreams: this.#lateStreams,
      waiting: this.#places.size,
    };
  }

  // ── For the track ─────────────────────────────────────────────────────────────────────────────────────────────────

  accept(info: TrackInfo, now: Instant): void {
    if (this.#state !== "waiting") return;
    this.#state = "open";
    const { cache } = this.#track;
    const { largest } = cache;
    this.#start = startOf(this.#range, cache);
    this.#outlet.accept(info, largest, now);
    this.#catchUp(now);
  }

  refuse(refusal: Parameters<ViewOutlet["refuse"]>[0], now: Instant): void {
    if (this.#state !== "waiting") return;
    this.#close(now);
    this.#outlet.refuse(refusal, now);
  }

  /** A stream of the publisher begins. */
  handleRunBegan(run: Run, now: Instant): void {
    if (this.#state !== "open" || this.#ending !== undefined) return;
    if (this.#isPastEnd(run.group.id)) this.end("range-ended", now);
    else this.#begin(run, now);
  }

  handleDatagram(group: CachedGroup, object: DatagramObject, now: Instant): void {
    if (this.#state !== "open" || !this.#forward || this.#ending !== undefined) return;
    if (this.#isPastEnd(group.id)) this.end("range-ended", now);
    else if (this.compare(group.id, object.object) === "within") {
      this.count(group.id, object.payload.length);
      this.#outlet.datagram(object);
    }
  }

  /** Abandons what belongs to groups that are late. Returns true if something of older groups still waits. */
  dropLate(now: Instant): boolean {
    let hasOld = false;
    for (const place of this.#places) {
      const { succeededAt } = place.run.group;
      if (succeededAt === undefined) continue;
      if (after(succeededAt, this.#maxLatency) < now) this.#abandon(place);
      else hasOld = true;
    }
    this.#finishIfDone(now);
    return hasOld;
  }

  /** The publisher's groups begin anew, with smaller numbers. */
  restart(): void {
    if (this.#state === "open") this.#start = { group: 0, object: 0 };
  }

  /** Ends it once what was begun has been sent; at once if `isAtOnce`. */
  end(reason: TrackEnd, now: Instant, isAtOnce = false): void {
    if (this.#state === "over") return;
    if (this.#state === "waiting") {
      this.refuse({ reason: "does-not-exist", message: "the track ended" }, now);
      return;
    }
    this.#ending ??= reason;
    if (isAtOnce) for (const place of this.#places) place.cancel(now);
    this.#finishIfDone(now);
  }

  // ── For the adapter ───────────────────────────────────────────────────────────────────────────────────────────────

  update({ range, priority, forward, maxLatency }: ViewUpdate, now: Instant): void {
    if (this.#state === "over") return;
    if (priority !== undefined) this.#priority = priority;
    if (maxLatency !== undefined) this.#maxLatency = millis(maxLatency);
    if (range !== undefined) {
      this.#range = range;
      if (this.#state === "open") this.#start = startOf(range, this.#track.cache);
    }
    if (forward === undefined || forward === this.#forward) return;
    this.#forward = forward;
    if (forward) this.#catchUp(now);
    else for (const place of [...this.#places]) place.cancel(now);
  }

  handleRoom(now: Instant): void {
    for (const place of this.#places) place.handleRun(now);
  }

  handleStopped(stream: ViewerStream, now: Instant): void {
    for (const place of this.#places) {
      if (place.stream !== stream) continue;
      place.cancel(now);
      return;
    }
  }

  cancel(now: Instant): void {
    if (this.#state === "over") return;
    for (const place of [...this.#places]) place.cancel(now);
    this.#close(now);
  }

  // ── For places ────────────────────────────────────────────────────────────────────────────────────────────────────

  open(place: Place): ViewerStream | undefined {
    const { run, index } = place;
    const { info } = this.#track;
    const isFromStart = run.start.isFromStart && index === 0;
    return this.#outlet.open(
      { ...run.start, isFromStart },
      {
        subscriber: this.#priority,
        publisher: run.start.priority ?? info?.priority ?? 128,
        order: this.request.order ?? info?.order ?? "ascending",
        group: run.group.id,
        subgroup: run.start.subgroup,
      },
    );
  }

  count(group: number, bytes: number): void {
    this.#objects += 1;
    this.#bytes += bytes;
    if (group <= this.#newestGroup) return;
    this.#newestGroup = group;
    this.#groups += 1;
  }

  /** Where an object is, seen from the range. */
  compare(group: number, object: number): "before" | "within" | "after" {
    const start = this.#start!;
    if (group < start.group || (group === start.group && object < start.object)) return "before";
    const { endGroup, endObject = Number.POSITIVE_INFINITY } = this.#range;
    if (endGroup === undefined || group < endGroup || (group === endGroup && object <= endObject)) return "within";
    return "after";
  }

  handleDone(place: Place, isLate: boolean, now: Instant): void {
    this.#places.delete(place);
    if (isLate) this.#lateStreams += 1;
    this.#finishIfDone(now);
  }

  // ── Inside ────────────────────────────────────────────────────────────────────────────────────────────────────────

  #isPastEnd(group: number): boolean {
    return this.#range.endGroup !== undefined && group > this.#range.endGroup;
  }

  #catchUp(now: Instant): void {
    const { endGroup = Number.POSITIVE_INFINITY } = this.#range;
    for (const group of this.#track.cache.from(this.#start!.group)) {
      if (group.id > endGroup) break;
      for (const run of group.runs) if (![...this.#places].some((place) => place.run === run)) this.#begin(run, now);
    }
  }

  #begin(run: Run, now: Instant): void {
    const { group } = run;
    const start = this.#start!;
    if (!this.#forward || group.id < start.group) return;
    const index = group.id === start.group && start.object > 0 ? run.indexFrom(start.object) : 0;
    if (index < run.first || (run.state !== "open" && index >= run.length)) return;
    if (this.#places.size >= MAX_PLACES) {
      const [oldest] = this.#places;
      this.#abandon(oldest!);
    }
    const place = new Place(this, run, index);
    this.#places.add(place);
    run.readers.add(place);
    place.handleRun(now);
  }

  #abandon(place: Place): void {
    this.#lateStreams += 1;
    this.#places.delete(place);
    place.leave("late");
  }

  #finishIfDone(now: Instant): void {
    if (this.#ending === undefined || this.#places.size > 0 || this.#state === "over") return;
    const reason = this.#ending;
    this.#close(now);
    this.#outlet.end(reason, now);
  }

  #close(now: Instant): void {
    this.#state = "over";
    for (const place of this.#places) place.leave("cancelled");
    this.#places.clear();
    this.#track.forget(this, now);
    this.#onOver();
  }
}

/** Where a viewer is in a run. */
class Place implements RunReader {
  readonly run: Run;
  readonly #view: TrackView;
  index: number;
  stream: ViewerStream | undefined;
  /** Of the object at `index`: the next piece, and true if its head was sent. */
  #piece = 0;
  #hasHead = false;
  #isOver = false;

  constructor(view: TrackView, run: Run, index: number) {
    this.#view = view;
    this.run = run;
    this.index = index;
  }

  /** Sends what there is, and room for. */
  handleRun(now: Instant): void {
    if (this.#isOver) return;
    const { run } = this;
    if (this.index < run.first || run.group.isEvicted) {
      this.#finish("late", now);
      return;
    }
    for (;;) {
      const object = run.at(this.index);
      if (object === undefined) break;
      const where = this.#view.compare(run.group.id, object.head.object);
      if (where === "before") {
        this.index += 1;
        continue;
      }
      if (where === "after") {
        this.#finish("end", now);
        return;
      }
      this.stream ??= this.#view.open(this);
      const { stream } = this;
      if (stream?.hasRoom !== true) return;
      if (!this.#hasHead) {
        this.#hasHead = true;
        stream.object(object.head);
        this.#view.count(run.group.id, object.head.length);
      }
      for (; this.#piece < object.pieces.length; this.#piece += 1) {
        if (!stream.hasRoom) return;
        stream.payload(object.pieces[this.#piece]!);
      }
      if (!object.isComplete) break;
      this.index += 1;
      this.#piece = 0;
      this.#hasHead = false;
    }
    if (run.state !== "open") this.#finish(run.state === "ended" ? "end" : "lost", now);
  }

  /** It is not wanted any more: tells the view. */
  cancel(now: Instant): void {
    this.leave("cancelled");
    this.#view.handleDone(this, false, now);
  }

  /** Abandons the stream, without a word to the view. */
  leave(reason: "late" | "cancelled"): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.run.readers.delete(this);
    this.stream?.reset(reason);
  }

  #finish(how: "end" | "late" | "lost", now: Instant): void {
    this.#isOver = true;
    this.run.readers.delete(this);
    if (how === "end") this.stream?.end();
    else this.stream?.reset(how);
    this.#view.handleDone(this, how === "late", now);
  }
}

/** Where a range begins, in a track as it is now. */
export function startOf({ start }: ViewRange, cache: TrackCache): Location {
  const { largest, newest } = cache;
  if (typeof start === "object" && "group" in start) return start;
  if (largest === undefined) return { group: 0, object: 0 };
  const next = { group: largest.group + 1, object: 0 };
  if (start === "next-group") return next;
  if (start === "next-object") return { group: largest.group, object: largest.object + 1 };
  if (start === "newest-group") return newest?.isWhole === true ? { group: newest.id, object: 0 } : next;
  return { group: Math.max(0, largest.group + 1 - start.recent), object: 0 };
}
