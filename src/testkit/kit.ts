/** What a test and its application are given beside `fetch`: the virtual clock, chance from the seed, and the mark for real work. */

import { type Rng, uniform } from "../base/rng.ts";
import type { Client, ExchangeFacts } from "../client/index.ts";
import { type HostTimer, millisNow } from "../host/clock.ts";
import { SimulateError } from "./errors.ts";
import type { RealWork } from "./real-work.ts";
import type { VirtualClock } from "./virtual-clock.ts";

export interface Kit {
  readonly seed: number;
  /** The server's, such as "https://server.test". */
  readonly origin: string;
  /** What `fetch` belongs to. */
  readonly client: Client;
  /** Milliseconds since the simulation started. */
  now(): number;
  date(): Date;
  sleep(milliseconds: number): Promise<void>;
  setTimeout(callback: () => void, milliseconds: number): VirtualTimerId;
  clearTimeout(id: VirtualTimerId | undefined): void;
  /** A signal that aborts after so many milliseconds, as `AbortSignal.timeout` makes them in real time. */
  timeout(milliseconds: number): AbortSignal;
  /** A number from 0 up to 1, from the seed. */
  random(): number;
  /**
   * Marks work that virtual time cannot wait for: files, sockets, the thread pool. Time stands still until it has settled.
   * Given a function, it marks exactly what the function begins.
   */
  real<T>(work: PromiseLike<T> | (() => PromiseLike<T>)): Promise<T>;
  /** How a response came: protocol, times, bytes, connection. */
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
  /** Runs what a timer calls. */
  call(callback: () => void): void;
  isOver(): boolean;
}

export function createKit(parts: KitParts): Kit {
  const { seed, origin, clock, work, client, rng } = parts;
  const start = (callback: () => void, milliseconds: number): HostTimer => {
    if (parts.isOver()) {
      throw new SimulateError("SIMULATION_OVER", seed, "the simulation is over: its kit's timers never fire again");
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
