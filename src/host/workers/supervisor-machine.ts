/**
 * What a supervisor does with its workers, without I/O: the machine is told what happened, and says what to do.
 *
 * A generation is a set of workers with the same program and configuration. A reload starts a new one beside the current
 * one. When all of its workers are ready, it takes over, and the previous one drains. If one of them cannot start, the new
 * generation ends, and nothing has changed. A further reload waits until the previous generation is gone, so at most two
 * exist.
 *
 * A worker: starting (loads its program) → ready → serving → draining → gone. One that ends while it serves is started
 * again, after a pause that grows if it keeps ending.
 */

import { after, earliest, type Instant, type Micros, millis, seconds } from "../../base/time.ts";
import { GENERATIONS, type Place, placeName } from "./place.ts";

export interface SupervisorSettings {
  readonly workers: number;
  /** The time that the previous generation may take to drain. */
  readonly drainTimeout: Micros;
}

/** Why a worker could not start. */
export interface Failure {
  readonly name: string;
  readonly code?: string | undefined;
  readonly message: string;
  /** True if the user fixes it by changing the program or its configuration, so that trying again is of no use. */
  readonly isConfiguration: boolean;
}

export type SupervisorCommand =
  | { readonly type: "spawn"; readonly place: Place }
  /** Listen, and accept connections. */
  | { readonly type: "serve"; readonly place: Place }
  /** Finish within the time, in microseconds. */
  | { readonly type: "drain"; readonly place: Place; readonly timeout: Micros; readonly isReload: boolean }
  | { readonly type: "kill"; readonly place: Place }
  /** The running workers have changed: see `places` and `newest`. */
  | { readonly type: "topology" }
  | { readonly type: "report"; readonly line: string }
  /** The first generation serves. */
  | { readonly type: "started" }
  /** The outcome of the reloads requested before the generation was started. */
  | { readonly type: "reloaded"; readonly failure: Failure | undefined }
  /** A reload began: requests from now on need another one. */
  | { readonly type: "reloading" }
  /** No worker runs any more, and none will: because of a failure, or on request. */
  | { readonly type: "stopped"; readonly failure: Failure | undefined };

type State = "starting" | "ready" | "serving" | "draining" | "waiting" | "gone";

interface Slot {
  readonly place: Place;
  state: State;
  /** For "starting": when it is given up. For "waiting": when it is started again. For "draining": when it is killed. */
  deadline: Instant | undefined;
  servingSince: Instant | undefined;
  /** True once it was told to serve. */
  isTold: boolean;
  /** Ends in a row, each soon after the start. */
  failures: number;
}

interface Generation {
  readonly number: number;
  readonly slots: readonly Slot[];
  phase: "starting" | "current" | "draining" | "failed";
}

const START_TIMEOUT: Micros = seconds(60);
const FIRST_PAUSE: Micros = millis(100);
const LONGEST_PAUSE: Micros = seconds(10);
/** A worker that served this long was not ended by its start. */
const STABLE: Micros = seconds(10);
/** After the end of a worker's time to drain, the time that it has to close its connections and end. */
const CLOSING_TIME: Micros = seconds(3);

export class SupervisorMachine {
  readonly #settings: SupervisorSettings;
  readonly #generations: Generation[] = [];
  readonly #commands: SupervisorCommand[] = [];
  readonly #reported = new Map<string, string>();
  #isStarted = false;
  #isReloadWanted = false;
  #isReloadWaiting = false;
  #isStopping = false;
  #isStopped = false;
  #failure: Failure | undefined;

  constructor(settings: SupervisorSettings, now: Instant) {
    this.#settings = settings;
    this.#begin(0, now);
  }

  /** The workers that can be handed datagrams: those that serve, or were told to. */
  get places(): readonly Place[] {
    return this.#generations.flatMap(({ slots }) =>
      slots.filter(({ isTold, state }) => isTold && state !== "gone" && state !== "waiting").map(({ place }) => place),
    );
  }

  /** The number of the generation that accepts connections. */
  get newest(): number {
    return this.#current?.number ?? 0;
  }

  /** The newest generation as that of `place` sees it: a new one accepts connections from the beginning. */
  newestFor(place: Place): number {
    const own = this.#generations.find(({ number }) => number === place.generation);
    return own?.phase === "starting" ? own.number : this.newest;
  }

  /** The generations that exist: at most two. */
  get generations(): readonly number[] {
    return this.#generations.map(({ number }) => number);
  }

  get #current(): Generation | undefined {
    return this.#generations.find(({ phase }) => phase === "current");
  }

  pollCommand(): SupervisorCommand | undefined {
    return this.#commands.shift();
  }

  nextTimeout(): Instant | undefined {
    let next: Instant | undefined;
    for (const { slots } of this.#generations) for (const { deadline } of slots) next = earliest(next, deadline);
    return next;
  }

  // ── Requests ──────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Starts a new generation, now or when the previous one is gone. */
  reload(now: Instant): void {
    if (this.#isStopping) return;
    this.#isReloadWanted = true;
    this.#continue(now);
    if (!this.#isReloadWanted || this.#isReloadWaiting || !this.#isStarted) return;
    this.#isReloadWaiting = true;
    const left = this.#generations.find(({ phase }) => phase === "draining");
    if (left !== undefined) this.#report("nagare: the reload waits until the generation before this one has drained");
  }

  /** Ends all workers. A second call may shorten the time. */
  stop(timeout: Micros, now: Instant): void {
    this.#isStopping = true;
    if (this.#isReloadWanted) {
      this.#isReloadWanted = false;
      this.#commands.push({ type: "reloaded", failure: STOPPED });
    }
    for (const generation of this.#generations) {
      if (generation.phase === "starting") {
        if (this.#isStarted) this.#commands.push({ type: "reloaded", failure: STOPPED });
        generation.phase = "failed";
      }
      for (const slot of generation.slots) this.#end(slot, timeout, now);
    }
    this.#continue(now);
  }

  #end(slot: Slot, timeout: Micros, now: Instant): void {
    if (slot.state === "waiting") this.#retire(slot);
    else if (slot.state === "starting" || slot.state === "ready") this.#kill(slot);
    else if (slot.state !== "gone") this.#drain(slot, timeout, now, false);
  }

  // ── Events ────────────────────────────────────────────────────────────────────────────────────────────────────────

  /** The worker has loaded its program, and waits for the command to serve. */
  handleReady(place: Place, now: Instant): void {
    const { generation, slot } = this.#find(place);
    if (slot?.state !== "starting") return;
    slot.state = "ready";
    slot.deadline = after(now, START_TIMEOUT);
    if (generation!.phase === "current") this.#serve([slot]);
    else if (generation!.phase === "starting" && generation!.slots.every(({ state }) => state === "ready")) {
      this.#serve(generation!.slots);
    }
  }

  handleServing(place: Place, now: Instant): void {
    const { generation, slot } = this.#find(place);
    if (slot?.state !== "ready") return;
    slot.state = "serving";
    slot.deadline = undefined;
    slot.servingSince = now;
    this.#reported.delete(placeName(place));
    if (generation!.phase === "starting" && generation!.slots.every(({ state }) => state === "serving")) {
      this.#takeOver(generation!, now);
    }
    this.#commands.push({ type: "topology" });
  }

  /** The worker has no connections any more, and ends. */
  handleLeaving(place: Place): void {
    const { slot } = this.#find(place);
    if (slot === undefined) return;
    slot.isTold = false;
    this.#commands.push({ type: "topology" });
  }

  /** The worker said why it cannot start. Its end follows. */
  handleFailed(place: Place, failure: Failure, now: Instant): void {
    const { generation, slot } = this.#find(place);
    if (slot === undefined || slot.state === "gone" || slot.state === "waiting") return;
    this.#handleEnd(generation!, slot, failure, now);
    this.#commands.push({ type: "kill", place });
    this.#continue(now);
  }

  /** The process has ended. */
  handleExit(place: Place, how: string, now: Instant): void {
    const { generation, slot } = this.#find(place);
    if (slot === undefined || slot.state === "gone" || slot.state === "waiting") return;
    const wasServing = slot.state === "serving" || slot.state === "draining";
    const message = `worker ${place.worker} ended before it served: ${how}`;
    this.#handleEnd(generation!, slot, { name: "WorkerError", message, isConfiguration: false }, now, how);
    if (wasServing) this.#commands.push({ type: "topology" });
    this.#continue(now);
  }

  handleTimeout(now: Instant): void {
    for (const generation of [...this.#generations]) {
      for (const slot of generation.slots) {
        if (slot.deadline === undefined || slot.deadline > now) continue;
        slot.deadline = undefined;
        if (slot.state === "waiting") this.#spawn(slot, now);
        else if (slot.state === "draining") this.#kill(slot);
        else {
          const message = `worker ${slot.place.worker} did not start within ${START_TIMEOUT / 1_000_000} s`;
          this.handleFailed(slot.place, { name: "WorkerError", message, isConfiguration: false }, now);
        }
      }
    }
    this.#continue(now);
  }

  // ── Transitions ───────────────────────────────────────────────────────────────────────────────────────────────────

  #begin(number: number, now: Instant): void {
    const slots = Array.from(
      { length: this.#settings.workers },
      (_, worker): Slot => ({
        place: { generation: number, worker },
        state: "waiting",
        deadline: undefined,
        servingSince: undefined,
        isTold: false,
        failures: 0,
      }),
    );
    this.#generations.push({ number, slots, phase: "starting" });
    for (const slot of slots) this.#spawn(slot, now);
  }

  #spawn(slot: Slot, now: Instant): void {
    slot.state = "starting";
    slot.isTold = false;
    slot.deadline = after(now, START_TIMEOUT);
    this.#commands.push({ type: "spawn", place: slot.place });
  }

  /** Everyone hears of a worker before it reads datagrams, which may belong to others. */
  #serve(slots: readonly Slot[]): void {
    for (const slot of slots) slot.isTold = true;
    this.#commands.push({ type: "topology" });
    for (const { place } of slots) this.#commands.push({ type: "serve", place });
  }

  #kill({ place }: Slot): void {
    this.#commands.push({ type: "kill", place });
  }

  #takeOver(generation: Generation, now: Instant): void {
    const previous = this.#current;
    generation.phase = "current";
    if (!this.#isStarted) {
      this.#isStarted = true;
      this.#commands.push({ type: "started" });
      return;
    }
    // Everyone knows the new generation before the previous one stops to read.
    this.#commands.push({ type: "topology" }, { type: "reloaded", failure: undefined });
    if (previous === undefined) return;
    previous.phase = "draining";
    for (const slot of previous.slots) {
      if (slot.state === "serving") this.#drain(slot, this.#settings.drainTimeout, now, true);
      else if (slot.state === "waiting") this.#retire(slot);
      else if (slot.state !== "gone") this.#kill(slot);
    }
  }

  #drain(slot: Slot, timeout: Micros, now: Instant, isReload: boolean): void {
    slot.state = "draining";
    const killed = after(after(now, timeout), CLOSING_TIME);
    slot.deadline = earliest(slot.deadline, killed);
    this.#commands.push({ type: "drain", place: slot.place, timeout, isReload });
  }

  #retire(slot: Slot): void {
    slot.state = "gone";
    slot.deadline = undefined;
  }

  #handleEnd(generation: Generation, slot: Slot, failure: Failure, now: Instant, how?: string): void {
    const { state } = slot;
    slot.deadline = undefined;
    if (generation.phase === "current" && !this.#isStopping && state !== "draining") {
      if (state === "serving") this.#report(`nagare: ${describe(slot.place)} ended: ${how ?? failure.message}`);
      else if (this.#giveUp(slot, failure, now)) return;
      this.#restart(slot, now);
      return;
    }
    this.#retire(slot);
    if (generation.phase !== "starting") return;
    generation.phase = "failed";
    for (const other of generation.slots) if (other.state !== "gone") this.#kill(other);
    if (this.#isStarted) this.#commands.push({ type: "reloaded", failure });
    else this.#fail(failure);
  }

  /** A worker could not be started again. Returns true if that ends the server. */
  #giveUp(slot: Slot, failure: Failure, now: Instant): boolean {
    const isServed = this.#generations.some(({ slots }) =>
      slots.some(({ state }) => state === "serving" || state === "draining" || state === "ready"),
    );
    if (failure.isConfiguration && !isServed) {
      this.#retire(slot);
      this.#fail(failure);
      this.stop(millis(0), now);
      return true;
    }
    const name = placeName(slot.place);
    if (this.#reported.get(name) === failure.message) return false;
    this.#reported.set(name, failure.message);
    this.#report(`nagare: ${describe(slot.place)} cannot start: ${failure.message}`);
    return false;
  }

  #restart(slot: Slot, now: Instant): void {
    const wasStable = slot.servingSince !== undefined && now - slot.servingSince >= STABLE;
    slot.failures = wasStable ? 0 : slot.failures + 1;
    slot.servingSince = undefined;
    slot.state = "waiting";
    const pause = Math.min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** Math.max(0, slot.failures - 1)) as Micros;
    slot.deadline = after(now, pause);
  }

  #fail(failure: Failure): void {
    this.#failure ??= failure;
    this.#isStopping = true;
  }

  /** Forgets generations that are gone, and begins what waited for that. */
  #continue(now: Instant): void {
    for (const generation of [...this.#generations]) {
      if (generation.slots.some(({ state }) => state !== "gone")) continue;
      this.#generations.splice(this.#generations.indexOf(generation), 1);
    }
    if (this.#isStopping) {
      if (this.#generations.length > 0 || this.#isStopped) return;
      this.#isStopped = true;
      this.#commands.push({ type: "stopped", failure: this.#failure });
      return;
    }
    if (!this.#isReloadWanted || this.#generations.length !== 1 || this.#current === undefined) return;
    this.#isReloadWanted = false;
    this.#isReloadWaiting = false;
    this.#commands.push({ type: "reloading" });
    this.#begin((this.#current.number + 1) % GENERATIONS, now);
  }

  #report(line: string): void {
    this.#commands.push({ type: "report", line });
  }

  #find(place: Place): { readonly generation?: Generation; readonly slot?: Slot } {
    const generation = this.#generations.find(({ number }) => number === place.generation);
    const slot = generation?.slots[place.worker];
    return slot === undefined ? {} : { generation: generation!, slot };
  }
}

const STOPPED: Failure = { name: "WorkerError", message: "the server is stopping", isConfiguration: false };

const describe = ({ worker }: Place): string => `worker ${worker}`;
