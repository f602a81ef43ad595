/**
 * A track of the relay: one publisher at a time, all its viewers, and what is kept between them. It outlives its publisher: viewers wait
 * until it returns, or another one has the track.
 */

import { after, earliest, type Instant, millis } from "../../base/time.ts";
import { HeapTimer } from "../../base/timer-heap.ts";
import { equalBytes, fromLatin1, utf8 } from "../../wire/text.ts";
import type { TrackName } from "../moq/model.ts";
import { type CacheBudget, type CachedObject, Run, TrackCache } from "./cache.ts";
import { Ingest, type IngestTrack, type Publisher } from "./ingest.ts";
import {
  type DatagramObject,
  type ObjectHead,
  PLAIN_TRACK,
  type Refusal,
  type SubgroupStart,
  type TrackEnd,
  type TrackInfo,
} from "./model.ts";
import type { RelaySettings } from "./options.ts";
import type { ViewOutlet, ViewRequest } from "./peer.ts";
import { TrackView, type ViewedTrack } from "./view.ts";

/** What a track needs of its relay. */
export interface TrackSurroundings {
  readonly settings: RelaySettings;
  readonly budget: CacheBudget;
  /** Peers that can be asked for a track, the best first. */
  announcersOf(track: TrackName): readonly Publisher[];
  arm(track: RelayTrack, at: Instant | undefined): void;
  /** The track can be had now. */
  handlePublished(track: RelayTrack, by: Publisher): void;
  handlePush(track: RelayTrack, by: Publisher, change: 1 | -1): void;
  remove(track: RelayTrack): void;
}

/** Views that read what is left after the track ended have this long. */
const MAX_GOODBYE = millis(30_000);
/** Before publishers that refused are asked again, and while viewers wait for one. */
const RETRY = millis(5_000);
const RETRY_WAITING = millis(500);

export class RelayTrack implements ViewedTrack, IngestTrack {
  readonly name: TrackName;
  readonly cache: TrackCache;
  readonly timer = new HeapTimer<RelayTrack>(this);
  readonly #surroundings: TrackSurroundings;
  readonly #settings: RelaySettings;
  readonly #views = new Set<TrackView>();
  /** Publishers that push it, the newest last. */
  readonly #pushes: Ingest[] = [];
  #asked: Ingest | undefined;
  /** The one that the track listens to. */
  #current: Ingest | undefined;
  /** Of an earlier publisher too: the viewers were told. */
  #info: TrackInfo | undefined;
  /** Peers that refused, with the name that they were asked for. */
  #refused = new Map<Publisher, Set<string>>();
  #refusal: Refusal | undefined;
  /** True until the first group of a new publisher. */
  #isNewcomer = false;
  /** Runs of older groups that have readers. */
  #hasOldRuns = false;
  #isOver = false;
  readonly #due: { [name in "linger" | "absence" | "age" | "rendezvous" | "retry" | "goodbye"]?: Instant | undefined } =
    {};

  constructor(name: TrackName, surroundings: TrackSurroundings) {
    this.name = name;
    this.#surroundings = surroundings;
    this.#settings = surroundings.settings;
    const { trackBytes, cacheAge } = this.#settings;
    this.cache = new TrackCache({ maxBytes: trackBytes, maxAge: cacheAge }, surroundings.budget);
  }

  get info(): TrackInfo | undefined {
    return this.#info;
  }

  get views(): number {
    return this.#views.size;
  }

  /** The label of the publisher; undefined if there is none now. */
  get publisher(): string | undefined {
    return this.#current?.peer.label;
  }

  /** All peers that publish it now. */
  get publishers(): readonly Publisher[] {
    return [...this.#pushes, ...(this.#asked === undefined ? [] : [this.#asked])].map(({ peer }) => peer);
  }

  get isPushed(): boolean {
    return this.#pushes.length > 0;
  }

  // ── Publishers ────────────────────────────────────────────────────────────────────────────────────────────────────

  /** A peer pushes the track; the newest one is listened to. */
  push(peer: Publisher, info: TrackInfo, now: Instant): Ingest {
    const ingest = new Ingest(this, peer, this.name.name, true);
    this.#pushes.push(ingest);
    this.#surroundings.handlePush(this, peer, 1);
    this.#dropAsked(now);
    ingest.accept(info, now);
    return ingest;
  }

  /** A peer announced a namespace in which the track is: it is asked if it is the best now. */
  handleAnnounced(now: Instant): void {
    this.#refused.clear();
    if (this.#pushes.length > 0 || (this.#views.size === 0 && this.#asked === undefined)) return;
    const best = this.#surroundings.announcersOf(this.name)[0];
    if (this.#asked !== undefined && this.#asked.peer !== best) this.#dropAsked(now);
    this.#ask(now);
  }

  /** A peer is gone, or does not announce it any more. */
  handleWithdrawn(peer: Publisher, now: Instant): void {
    this.#refused.delete(peer);
    if (this.#asked?.peer !== peer || this.#surroundings.announcersOf(this.name).includes(peer)) return;
    const asked = this.#asked;
    asked.cancel(now);
    this.handleEnded(asked, "lost", now);
  }

  isCurrent(ingest: Ingest): boolean {
    return this.#current === ingest;
  }

  handleAccepted(ingest: Ingest, info: TrackInfo, now: Instant): void {
    this.#listen(ingest, info, now);
  }

  handleRefused(ingest: Ingest, refusal: Refusal, now: Instant): void {
    if (this.#asked !== ingest) return;
    this.#asked = undefined;
    const names = this.#refused.get(ingest.peer) ?? new Set();
    names.add(fromLatin1(ingest.name));
    this.#refused.set(ingest.peer, names);
    this.#refusal = refusal;
    this.#ask(now);
  }

  handleEnded(ingest: Ingest, reason: TrackEnd, now: Instant): void {
    const index = this.#pushes.indexOf(ingest);
    if (index >= 0) {
      this.#pushes.splice(index, 1);
      this.#surroundings.handlePush(this, ingest.peer, -1);
    }
    if (this.#asked === ingest) this.#asked = undefined;
    if (this.#current !== ingest) {
      this.#removeIfUnused(now);
      return;
    }
    this.#current = undefined;
    const before = this.#pushes.at(-1);
    if (before !== undefined) {
      this.#listen(before, before.info ?? PLAIN_TRACK, now);
      return;
    }
    if (reason === "track-ended" || reason === "malformed") {
      this.#finish(reason, now);
      return;
    }
    this.#due.absence = after(now, this.#settings.absence);
    // One that ended it by itself is asked again later.
    if (this.#surroundings.announcersOf(this.name).includes(ingest.peer)) this.#due.retry = after(now, RETRY);
    else this.#ask(now);
    this.#removeIfUnused(now);
    this.#arm();
  }

  openRun(start: SubgroupStart, now: Instant): { readonly run: Run; readonly floor: number } | undefined {
    this.#greetNewcomer(start.group, now);
    const group = this.cache.group(start.group, now);
    if (group === undefined) return undefined;
    let floor = -1;
    for (const run of group.runs) {
      if (run.start.subgroup !== start.subgroup) continue;
      if (run.state === "ended" || run.state === "open") return undefined;
      for (let at = run.first; at < run.length; at += 1) {
        const object = run.at(at)!;
        if (object.isComplete) floor = Math.max(floor, object.head.object);
      }
    }
    const run = new Run(group, floor < 0 ? start : { ...start, isFromStart: false });
    group.runs.push(run);
    this.#dropLate(now);
    this.#due.age = earliest(this.#due.age, after(now, this.#settings.cacheAge));
    this.#arm();
    for (const view of [...this.#views]) view.handleRunBegan(run, now);
    return { run, floor };
  }

  beginObject(run: Run, head: ObjectHead, now: Instant): CachedObject {
    if (this.#hasOldRuns) this.#dropLate(now);
    return this.cache.object(run, head, now);
  }

  addPayload(run: Run, bytes: Uint8Array, now: Instant): boolean {
    return this.cache.payload(run, bytes, now);
  }

  addDatagram(object: DatagramObject, now: Instant): void {
    this.#greetNewcomer(object.group, now);
    const group = this.cache.group(object.group, now);
    if (group === undefined || group.datagrams.some((each) => each.object === object.object)) return;
    this.cache.datagram(group, object, now);
    this.#due.age = earliest(this.#due.age, after(now, this.#settings.cacheAge));
    this.#arm();
    for (const view of [...this.#views]) view.handleDatagram(group, object, now);
  }

  // ── Viewers ───────────────────────────────────────────────────────────────────────────────────────────────────────

  view(request: ViewRequest, outlet: ViewOutlet, onOver: () => void, now: Instant): TrackView {
    const view = new TrackView(this, request, outlet, this.#settings.maxLatency, onOver);
    this.#views.add(view);
    delete this.#due.linger;
    if (this.#current !== undefined) {
      view.accept(this.#info ?? PLAIN_TRACK, now);
      return view;
    }
    if (request.rendezvous !== undefined && request.rendezvous > 0) {
      const wait = Math.min(request.rendezvous, this.#settings.maxRendezvous);
      view.waitsUntil = after(now, millis(wait));
      this.#due.rendezvous = earliest(this.#due.rendezvous, view.waitsUntil);
    }
    this.#ask(now);
    this.#arm();
    return view;
  }

  forget(view: TrackView, now: Instant): void {
    if (!this.#views.delete(view) || this.#views.size > 0) return;
    if (this.#asked !== undefined) this.#due.linger = after(now, this.#settings.linger);
    this.#removeIfUnused(now);
    this.#arm();
  }

  // ── Time ──────────────────────────────────────────────────────────────────────────────────────────────────────────

  handleTimeout(now: Instant): void {
    const due = this.#due;
    const isDue = (at: Instant | undefined): boolean => at !== undefined && at <= now;
    if (isDue(due.age)) {
      delete due.age;
      const next = this.cache.handleAge(now);
      if (next !== undefined) due.age = next;
    }
    if (isDue(due.retry)) {
      delete due.retry;
      this.#refused.clear();
      this.#ask(now);
    }
    if (isDue(due.linger)) {
      delete due.linger;
      this.#dropAsked(now);
    }
    if (isDue(due.absence)) {
      delete due.absence;
      if (this.#current === undefined) this.#finish("lost", now);
    }
    if (isDue(due.rendezvous)) this.#refuseWaiting(now);
    if (isDue(due.goodbye)) {
      delete due.goodbye;
      for (const view of [...this.#views]) view.end("track-ended", now, true);
    }
    this.#removeIfUnused(now);
    this.#arm();
  }

  // ── Inside ────────────────────────────────────────────────────────────────────────────────────────────────────────

  #listen(ingest: Ingest, info: TrackInfo, now: Instant): void {
    const before = this.#current;
    if (before !== ingest) before?.interrupt(now);
    this.#current = ingest;
    this.#isNewcomer = true;
    this.#info = info;
    this.#refused.clear();
    delete this.#due.absence;
    delete this.#due.retry;
    this.#surroundings.handlePublished(this, ingest.peer);
    for (const view of [...this.#views]) view.accept(info, now);
    this.#arm();
  }

  /** A publisher that begins before what is kept began anew: so does the track. */
  #greetNewcomer(group: number, now: Instant): void {
    if (!this.#isNewcomer) return;
    this.#isNewcomer = false;
    const { largest, oldest } = this.cache;
    if (largest === undefined || group >= (oldest ?? largest.group)) return;
    this.cache.clear(now);
    for (const view of [...this.#views]) view.restart();
  }

  /** Asks the best peer that has not refused. */
  #ask(now: Instant): void {
    if (this.#isOver || this.#current !== undefined || this.#asked !== undefined || this.#views.size === 0) return;
    for (const peer of this.#surroundings.announcersOf(this.name)) {
      for (const name of namesOf(this.name.name)) {
        if (peer.source === undefined || this.#refused.get(peer)?.has(fromLatin1(name)) === true) continue;
        const ingest = new Ingest(this, peer, name, false);
        this.#asked = ingest;
        const track = { namespace: this.name.namespace, name };
        const upstream = peer.source.subscribe(track, { start: "newest-group" }, ingest, now);
        ingest.upstream = upstream;
        // It may have been refused meanwhile, and another one asked.
        return;
      }
    }
    this.#refuseWaiting(now);
  }

  /** Views that nobody has accepted, and that do not wait any more. */
  #refuseWaiting(now: Instant): void {
    delete this.#due.rendezvous;
    const refusal = this.#refusal ?? { reason: "does-not-exist", message: "nobody publishes this track" };
    // Waiting makes nobody more welcome.
    const isFinal = refusal.reason === "unauthorized" || refusal.reason === "expired-token";
    for (const view of [...this.#views]) {
      if (view.isAccepted) continue;
      const { waitsUntil } = view;
      if (!isFinal && waitsUntil !== undefined && waitsUntil > now)
        this.#due.rendezvous = earliest(this.#due.rendezvous, waitsUntil)!;
      else view.refuse(refusal, now);
    }
    // Those that refused may have it by then.
    if (this.#due.rendezvous !== undefined && this.#refused.size > 0) this.#due.retry = after(now, RETRY_WAITING);
    this.#arm();
  }

  #dropAsked(now: Instant): void {
    const asked = this.#asked;
    if (asked === undefined) return;
    this.#asked = undefined;
    if (this.#current === asked) this.#current = undefined;
    asked.cancel(now);
  }

  #dropLate(now: Instant): void {
    this.#hasOldRuns = false;
    for (const view of this.#views) if (view.dropLate(now)) this.#hasOldRuns = true;
  }

  #finish(reason: TrackEnd, now: Instant): void {
    this.#refusal = undefined;
    for (const view of [...this.#views]) view.end(reason, now);
    if (this.#views.size > 0) this.#due.goodbye = after(now, MAX_GOODBYE);
    this.#removeIfUnused(now);
    this.#arm();
  }

  #removeIfUnused(now: Instant): void {
    if (this.#isOver || this.#views.size > 0 || this.#pushes.length > 0 || this.#asked !== undefined) return;
    this.#isOver = true;
    this.cache.clear(now);
    this.#surroundings.arm(this, undefined);
    this.#surroundings.remove(this);
  }

  #arm(): void {
    if (this.#isOver) return;
    let next: Instant | undefined;
    for (const at of Object.values(this.#due) as (Instant | undefined)[]) next = earliest(next, at);
    this.#surroundings.arm(this, next);
  }
}

const CATALOGS = [utf8("catalog"), utf8(".catalog")];

/** A catalog has two names in the field: publishers of the one are asked by viewers of the other. */
export function namesOf(name: Uint8Array): readonly Uint8Array[] {
  if (!CATALOGS.some((each) => equalBytes(each, name))) return [name];
  return [name, ...CATALOGS.filter((each) => !equalBytes(each, name))];
}
