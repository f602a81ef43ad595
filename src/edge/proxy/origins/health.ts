/**
 * What a proxy knows about one origin's health: from requests that failed, and from health checks. A state machine without
 * a clock: times are milliseconds of any monotonic clock.
 */

export interface PassiveHealthSettings {
  /** Consecutive failures after which an origin is skipped. A connection that cannot be made counts as that many. */
  readonly failures: number;
  /** Milliseconds for which it is skipped the first time; doubles each time that the request after them fails too. */
  readonly backoff: number;
  /** Milliseconds. */
  readonly maxBackoff: number;
}

export type HealthState =
  /** Gets requests. */
  | "up"
  /** Skipped after failures. */
  | "down"
  /** One request shows whether it works again; others skip it. */
  | "on trial"
  /** Skipped because its health checks fail. */
  | "failing checks";

export class OriginHealth {
  /** The time until which it is skipped; 0 if it is up. */
  downUntil = 0;
  #failures = 0;
  #backoff = 0;
  #isOnTrial = false;
  #passesChecks = true;
  readonly #settings: PassiveHealthSettings;

  constructor(settings: PassiveHealthSettings) {
    this.#settings = settings;
  }

  state(now: number): HealthState {
    if (!this.#passesChecks) return "failing checks";
    if (this.downUntil === 0) return "up";
    return this.#isOnTrial || now >= this.downUntil ? "on trial" : "down";
  }

  /** True if another request may go to the origin. */
  admits(now: number): boolean {
    return this.#passesChecks && (this.downUntil === 0 || (now >= this.downUntil && !this.#isOnTrial));
  }

  /** Call for each request that goes to the origin, and then one of the three below. */
  begin(now: number): void {
    if (this.downUntil !== 0 && now >= this.downUntil) this.#isOnTrial = true;
  }

  /** The origin answered. */
  succeed(): void {
    this.#failures = 0;
    this.#backoff = 0;
    this.#isOnTrial = false;
    this.downUntil = 0;
  }

  /** Returns true if the origin was up until now. `isUnreachable` is true if no connection could be made. */
  fail(now: number, isUnreachable: boolean): boolean {
    const { failures, backoff, maxBackoff } = this.#settings;
    this.#failures = isUnreachable ? Math.max(failures, this.#failures + 1) : this.#failures + 1;
    const wasUp = this.downUntil === 0;
    // Requests that were under way when it went down tell nothing new.
    if (this.#failures < failures || (!wasUp && now < this.downUntil)) return false;
    this.#isOnTrial = false;
    this.#backoff = Math.min(maxBackoff, this.#backoff === 0 ? backoff : this.#backoff * 2);
    this.downUntil = now + this.#backoff;
    return wasUp;
  }

  /** The request ended before it told anything, because its client left, for example. */
  release(): void {
    this.#isOnTrial = false;
  }

  /** The verdict of health checks. An origin that passes again is up at once. */
  setChecks(passes: boolean): void {
    if (passes && !this.#passesChecks) this.succeed();
    this.#passesChecks = passes;
  }
}
