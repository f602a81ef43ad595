/**
 * What a test and its application receive besides `fetch`: the virtual clock, seeded randomness, and the mark for real
 * work.
 */

import { type Rng, uniform } from "../base/rng.ts";
import type { Client, ExchangeFacts } from "../client/index.ts";
import { type HostTimer, millisNow } from "../host/clock.ts";
import { SimulateError } from "./errors.ts";
import type { RealWork } from "./real-work.ts";
import type { VirtualClock } from "./virtual-clock.ts";

export interface Kit {
  readonly seed: number;
  /** The server's origin, such as "https://server.test". */
  readonly origin: string;
  /** The client behind `fetch`. */
  readonly client: Client;
  /** Milliseconds since the simulation started. */
  now(): number;
  /** The virtual date. */
  date(): Date;
  /** Resolves after this time. */
  sleep(milliseconds: number): Promise<void>;
  /** Calls back after this time. */
  setTimeout(callback: () => void, milliseconds: number): VirtualTimerId;
  /** Cancels a timer. */
  clearTimeout(id: VirtualTimerId | undefined): void;
  /** A signal that aborts after the given time, like `AbortSignal.timeout` in real time. */
  timeout(milliseconds: number): AbortSignal;
  /** A number in [0, 1), from the seed. */
  random(): number;
  /**
   * Marks work that virtual time cannot wait for: files, sockets, the thread pool. Time stands still until it settles.
   * If given a function, it marks exactly what the function starts.
   */
  real<T>(work: PromiseLike<T> | (() => PromiseLike<T>)): Promise<T>;
  /** How a response arrived: protocol, times, bytes, connection. */
  facts(response: Response): ExchangeFacts | undefined;
}

declare const timerBrand: unique symbol;
export type VirtualTimerId = { readonly [timerBrand]: true };

export interface KitParts {
  readonly seed: number;
  readonly origin: string;
  readonly clock: VirtualClock;
  readonly work: RealWork;
  readonly client: Client;
  readonly rng: Rng;
  /** Runs a timer's callback. */
  call(callback: () => void): void;
  isFinished(): boolean;
}

export function createKit(parts: KitParts): Kit {
  const { seed, origin, clock, work, client, rng } = parts;
  const start = (callback: () => void, milliseconds: number): HostTimer => {
    if (parts.isFinished()) {
      throw new SimulateError(
        "SIMULATION_OVER",
        seed,
        "the simulation has ended; the timers of its kit no longer fire",
      );
    }
    if (typeof milliseconds !== "number" || !(milliseconds >= 0 && Number.isFinite(milliseconds))) {
      throw new SimulateError("OPTION_INVALID", seed, `a timer needs milliseconds, 0 or more, not ${milliseconds}`);
    }
    if (typeof callback !== "function") throw new SimulateError("OPTION_INVALID", seed, "a timer needs a function");
    return clock.startTimer(() => parts.call(callback), milliseconds);
  };
  return {
    seed,
    origin,
    client,
    now: () => millisNow(clock),
    date: () => new Date(clock.date()),
    sleep: async (milliseconds) => {
      await new Promise<void>((resolve) => {
        start(resolve, milliseconds);
      });
    },
    setTimeout: (callback, milliseconds) => start(callback, milliseconds) as unknown as VirtualTimerId,
    clearTimeout: (id) => clock.stopTimer(id as unknown as HostTimer | undefined),
    timeout: (milliseconds) => {
      const controller = new AbortController();
      start(() => {
        controller.abort(new DOMException("The operation was aborted due to timeout", "TimeoutError"));
      }, milliseconds);
      return controller.signal;
    },
    random: () => uniform(rng),
    real: (promise) => work.mark(promise),
    facts: (response) => client.facts(response),
  };
}
