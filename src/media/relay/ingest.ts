/** What one publisher sends of a track: passes it on as long as the track listens to this publisher. */

import type { Instant } from "../../base/time.ts";
import type { CachedObject, Run } from "./cache.ts";
import type { DatagramObject, ObjectHead, Refusal, SubgroupStart, TrackEnd, TrackInfo } from "./model.ts";
import type { RelaySource, RelayUpstream, SubgroupSink, TrackSink } from "./peer.ts";

/** A peer that has tracks. */
export interface Publisher {
  readonly label: string;
  /** How it is asked for them, if it can be. */
  readonly source: RelaySource | undefined;
}

/** What an ingest needs of its track. */
export interface IngestTrack {
  /** True if the track listens to this publisher. */
  isCurrent(ingest: Ingest): boolean;
  handleAccepted(ingest: Ingest, info: TrackInfo, now: Instant): void;
  handleRefused(ingest: Ingest, refusal: Refusal, now: Instant): void;
  handleEnded(ingest: Ingest, reason: TrackEnd, now: Instant): void;
  openRun(start: SubgroupStart, now: Instant): { readonly run: Run; readonly floor: number } | undefined;
  beginObject(run: Run, head: ObjectHead, now: Instant): CachedObject;
  addPayload(run: Run, bytes: Uint8Array, now: Instant): boolean;
  addDatagram(object: DatagramObject, now: Instant): void;
}

/** One publisher of a track: one that pushes, or one that was asked. */
export class Ingest implements TrackSink {
  readonly peer: Publisher;
  readonly isPush: boolean;
  /** Under which name it was asked. */
  readonly name: Uint8Array;
  readonly #track: IngestTrack;
  /** What ends the subscription, of one that was asked. */
  upstream: RelayUpstream | undefined;
  info: TrackInfo | undefined;
  isOver = false;
  readonly #open = new Set<RunSink>();

  constructor(track: IngestTrack, peer: Publisher, name: Uint8Array, isPush: boolean) {
    this.#track = track;
    this.peer = peer;
    this.name = name;
    this.isPush = isPush;
  }

  accept(info: TrackInfo, now: Instant): void {
    if (this.isOver || this.info !== undefined) return;
    this.info = info;
    this.#track.handleAccepted(this, info, now);
  }

  refuse(refusal: Refusal, now: Instant): void {
    if (this.isOver) return;
    this.isOver = true;
    this.#track.handleRefused(this, refusal, now);
  }

  open(start: SubgroupStart, now: Instant): SubgroupSink | undefined {
    if (this.isOver || !this.#track.isCurrent(this)) return undefined;
    const opened = this.#track.openRun(start, now);
    if (opened === undefined) return undefined;
    const sink = new RunSink(this.#track, opened.run, opened.floor, () => this.#open.delete(sink));
    this.#open.add(sink);
    return sink;
  }

  datagram(object: DatagramObject, now: Instant): void {
    if (!this.isOver && this.#track.isCurrent(this)) this.#track.addDatagram(object, now);
  }

  end(reason: TrackEnd, now: Instant): void {
    if (this.isOver) return;
    this.isOver = true;
    this.interrupt(now);
    this.#track.handleEnded(this, reason, now);
  }

  /** Another publisher took over, or this one is gone: what it began does not go on. */
  interrupt(now: Instant): void {
    for (const sink of [...this.#open]) sink.reset(0, now);
  }

  /** Ends the subscription, if there is one. */
  cancel(now: Instant): void {
    if (this.isOver) return;
    this.isOver = true;
    this.interrupt(now);
    this.upstream?.cancel();
  }
}

/** One stream of a publisher, into one run. */
class RunSink implements SubgroupSink {
  readonly #track: IngestTrack;
  readonly #run: Run;
  readonly #onOver: () => void;
  /** Objects up to this one have come before. */
  readonly #floor: number;
  /** Bytes of an object that are not kept. */
  #skipping = 0;
  #object: CachedObject | undefined;

  constructor(track: IngestTrack, run: Run, floor: number, onOver: () => void) {
    this.#track = track;
    this.#run = run;
    this.#floor = floor;
    this.#onOver = onOver;
  }

  object(head: ObjectHead, now: Instant): void {
    if (this.#run.state !== "open" || this.#run.group.isEvicted) return;
    if (head.object <= this.#floor) {
      this.#skipping = head.length;
      return;
    }
    this.#object = this.#track.beginObject(this.#run, head, now);
    this.#run.wake(now);
  }

  payload(bytes: Uint8Array, now: Instant): boolean {
    if (this.#run.state !== "open") return false;
    if (this.#skipping > 0) {
      this.#skipping -= bytes.length;
      return true;
    }
    if (!this.#track.addPayload(this.#run, bytes, now)) return false;
    this.#run.wake(now);
    return true;
  }

  end(now: Instant): void {
    // In the middle of an object it is no end.
    this.#close(this.#object?.isComplete === false ? "reset" : "ended", now);
  }

  reset(_code: number, now: Instant): void {
    this.#close("reset", now);
  }

  #close(state: "ended" | "reset", now: Instant): void {
    if (this.#run.state !== "open") return;
    this.#run.state = state;
    this.#onOver();
    this.#run.wake(now);
  }
}
