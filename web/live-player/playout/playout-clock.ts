/**
 * Where playback is on the media's timeline, and how fast it goes: behind the live edge by as much as arrivals are uneven, faster
 * when it fell behind, slower when the buffer runs low, and waiting when it is empty. A machine without a clock: milliseconds
 * come as arguments, positions are seconds of the media.
 */

import { Lateness } from "./lateness.ts";

/** Bounds of the distance to the live edge. Milliseconds. */
export interface PlayoutOptions {
  /** 60 by default: a few frames. */
  readonly minLatency?: number;
  /** 3,000 by default. */
  readonly maxLatency?: number;
}

export type PlayoutState = "waiting" | "playing";

/** What became of playback so far. */
export interface PlayoutStats {
  readonly state: PlayoutState;
  /** Milliseconds between the position and the newest media. */
  readonly buffer: number;
  /** Milliseconds of buffer that it wants. */
  readonly target: number;
  readonly rate: number;
  readonly stalls: number;
  /** Milliseconds spent waiting after the first frame. */
  readonly stalled: number;
  /** Seconds of media that were jumped over to be live again. */
  readonly jumped: number;
}

/** Playback goes this much faster or slower, which speech survives. */
const CATCH_UP = 1.05;
const SLOW_DOWN = 0.96;
/** Milliseconds above the target at which it goes faster, and at which it stops doing so. */
const FAST_FROM = 80;
const FAST_UNTIL = 20;
/** Share of the target below which it goes slower. */
const SLOW_BELOW = 0.6;
/** Milliseconds between two complaints of a renderer that count. */
const COMPLAINTS = 500;
/** Milliseconds above the target that are jumped over: catching up would take half a minute. */
const JUMP_FROM = 1_500;
/** Milliseconds after a start in which the same is true of anything: the group in which a viewer joins comes at once. */
const JOINING = 1_000;
/** Seconds: a timeline that goes back, or leaps, begins anew. */
const LEAP = 30;

export class PlayoutClock {
  readonly #lateness: Lateness;
  #edge: number | undefined;
  #position: number | undefined;
  #at = 0;
  #rate = 1;
  #state: PlayoutState = "waiting";
  #isPaused = false;
  #playingSince = 0;
  #complainedAt = Number.NEGATIVE_INFINITY;
  /** When it played for the first time. */
  #joinedAt: number | undefined;
  #stalls = 0;
  #stalled = 0;
  #jumped = 0;
  #waitingSince: number | undefined;

  constructor({ minLatency = 60, maxLatency = 3_000 }: PlayoutOptions = {}) {
    this.#lateness = new Lateness(minLatency, maxLatency);
  }

  /** Media from `from` to `to` is there, `late` milliseconds after the most punctual of its track. */
  handleMedia(from: number, to: number, late: number, now: number): void {
    this.#lateness.add(late, (to - from) * 1_000, now);
    this.advance(now);
    if (this.#edge === undefined || Math.abs(from - this.#edge) > LEAP) this.#restart(from, now);
    this.#edge = Math.max(this.#edge!, to);
    this.advance(now);
  }

  /** A renderer had nothing when it was due, although it was there by this clock: decoders take their time, too. */
  handleMissing(now: number): void {
    if (this.#state !== "playing" || now - this.#complainedAt < COMPLAINTS) return;
    this.#complainedAt = now;
    this.#lateness.handleStall();
  }

  /** The media's timeline begins again. */
  handleRestart(): void {
    this.#edge = undefined;
    this.#position = undefined;
    this.#state = "waiting";
  }

  /** What was kept is gone: the network changed, the page slept. Goes on at the live edge. */
  skipToLive(now: number): void {
    this.advance(now);
    if (this.#position === undefined || this.#edge === undefined) return;
    this.#jump(now);
  }

  pause(now: number): void {
    this.advance(now);
    this.#isPaused = true;
  }

  resume(now: number): void {
    this.#at = now;
    this.#isPaused = false;
    this.advance(now);
  }

  /** Seconds; undefined before the first media. */
  position(now: number): number | undefined {
    this.advance(now);
    return this.#position;
  }

  get state(): PlayoutState {
    return this.#state;
  }

  get rate(): number {
    return this.#state === "playing" && !this.#isPaused ? this.#rate : 0;
  }

  stats(now: number): PlayoutStats {
    this.advance(now);
    const waiting = this.#waitingSince === undefined ? 0 : now - this.#waitingSince;
    return {
      state: this.#state,
      buffer: this.#buffer,
      target: this.#lateness.target,
      rate: this.rate,
      stalls: this.#stalls,
      stalled: this.#stalled + waiting,
      jumped: this.#jumped,
    };
  }

  /** Moves on to `now`. */
  advance(now: number): void {
    const passed = Math.max(0, now - this.#at);
    this.#at = now;
    if (this.#position === undefined || this.#edge === undefined || this.#isPaused) return;
    if (this.#state === "waiting") {
      if (this.#buffer >= this.#lateness.target) this.#play(now);
      return;
    }
    this.#position += (passed / 1_000) * this.#rate;
    if (this.#position >= this.#edge) {
      this.#position = this.#edge;
      this.#stall(now);
      return;
    }
    this.#choosePace(now);
  }

  /** Milliseconds. */
  get #buffer(): number {
    return this.#position === undefined || this.#edge === undefined ? 0 : (this.#edge - this.#position) * 1_000;
  }

  #restart(from: number, now: number): void {
    this.#edge = from;
    this.#position = from;
    this.#state = "waiting";
    this.#at = now;
  }

  #play(now: number): void {
    this.#state = "playing";
    this.#rate = 1;
    this.#playingSince = now;
    this.#joinedAt ??= now;
    if (this.#waitingSince === undefined) return;
    this.#stalled += now - this.#waitingSince;
    this.#waitingSince = undefined;
  }

  #stall(now: number): void {
    this.#state = "waiting";
    this.#stalls += 1;
    this.#waitingSince = now;
    // Next time it waits for more.
    this.#lateness.handleStall();
  }

  #choosePace(now: number): void {
    const { target } = this.#lateness;
    const above = this.#buffer - target;
    const mostBehind = now - this.#playingSince < JOINING ? FAST_FROM : JUMP_FROM;
    if (above > mostBehind) this.#jump(now);
    else if (above > FAST_FROM) this.#rate = CATCH_UP;
    else if (this.#buffer < SLOW_BELOW * target) this.#rate = SLOW_DOWN;
    else if (this.#rate !== CATCH_UP || above < FAST_UNTIL) this.#rate = 1;
  }

  #jump(now: number): void {
    const to = this.#edge! - this.#lateness.target / 1_000;
    if (to <= this.#position!) return;
    if (now - (this.#joinedAt ?? now) >= JOINING) this.#jumped += to - this.#position!;
    this.#position = to;
    this.#rate = 1;
    this.#playingSince = now;
    if (this.#state === "waiting") this.#play(now);
  }
}
