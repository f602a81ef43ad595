/**
 * Virtual timers and dates on the global object, for code that does not accept a clock, and a console that belongs to
 * the test runner. Only code of a simulation sees them: the rest of the process gets the real ones even while a
 * simulation runs, and everything is restored when the last one ends.
 */

import { promisify } from "node:util";
import { currentWork, outside, type RealWork } from "./real-work.ts";
import type { VirtualClock } from "./virtual-clock.ts";

export interface VirtualGlobals {
  readonly clock: VirtualClock;
  /** Runs the callback of such a timer; an exception fails the simulation. */
  call(callback: () => void): void;
}

const simulations = new Map<RealWork, VirtualGlobals>();
const current = (): VirtualGlobals | undefined => {
  const work = currentWork();
  return work === undefined ? undefined : simulations.get(work);
};

/** The functions that restore the globals, in reverse order. */
const undo: (() => void)[] = [];
let consoleUsers = 0;
let consoleUndo: (() => void)[] = [];

function replace<T extends object, K extends keyof T>(owner: T, name: K, value: T[K], list: (() => void)[]): void {
  const descriptor = Object.getOwnPropertyDescriptor(owner, name);
  Object.defineProperty(owner, name, { configurable: true, enumerable: true, writable: true, value });
  list.push(() => {
    if (descriptor === undefined) delete owner[name];
    else Object.defineProperty(owner, name, descriptor);
  });
}

/** Console output is real work, but nothing waits for it. */
export function detachConsole(): () => void {
  consoleUsers += 1;
  if (consoleUsers === 1) {
    const detach = (owner: object): void => {
      for (const name of Object.keys(owner) as never[]) {
        const real: unknown = owner[name];
        if (typeof real !== "function") continue;
        const wrapped = (...given: unknown[]): unknown => outside(() => Reflect.apply(real, owner, given));
        replace(owner, name, wrapped as never, consoleUndo);
      }
    };
    detach(console);
    for (const stream of [process.stdout, process.stderr]) {
      const write = stream.write;
      const wrapped = (...given: unknown[]): boolean => outside(() => Reflect.apply(write, stream, given));
      replace(stream, "write", wrapped as typeof write, consoleUndo);
    }
  }
  return () => {
    consoleUsers -= 1;
    if (consoleUsers > 0) return;
    for (const restore of consoleUndo.reverse()) restore();
    consoleUndo = [];
  };
}

/** Returns a function that restores the globals. */
export function virtualizeGlobals(work: RealWork, virtual: VirtualGlobals): () => void {
  if (simulations.size === 0) install();
  simulations.set(work, virtual);
  return () => {
    simulations.delete(work);
    if (simulations.size > 0) return;
    for (const restore of undo.splice(0).reverse()) restore();
  };
}

/** As in Node, a delay that is not a number of milliseconds up to 2^31−1 counts as 1. */
const nodeDelay = (delay: unknown): number => {
  const milliseconds = Number(delay ?? 1);
  return milliseconds >= 1 && milliseconds <= 0x7fffffff ? Math.trunc(milliseconds) : 1;
};

/** The parts of NodeJS.Timeout that code relies on. */
class GlobalTimer {
  readonly #clock: VirtualClock;
  #timer: ReturnType<VirtualClock["startTimer"]>;

  constructor({ clock, call }: VirtualGlobals, callback: () => void, delay: unknown, repeats: boolean) {
    this.#clock = clock;
    const run = (): void => {
      if (repeats) this.#timer.refresh();
      call(callback);
    };
    this.#timer = clock.startTimer(run, nodeDelay(delay));
  }

  ref(): this {
    return this;
  }

  unref(): this {
    return this;
  }

  hasRef(): boolean {
    return true;
  }

  refresh(): this {
    this.#timer.refresh();
    return this;
  }

  close(): this {
    this.#clock.stopTimer(this.#timer);
    return this;
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

function install(): void {
  const real = { setTimeout, setInterval, clearTimeout, clearInterval, Date, now: performance.now.bind(performance) };

  const wrapStart =
    (start: typeof setTimeout | typeof setInterval, repeats: boolean) =>
    (callback: (...given: unknown[]) => void, delay?: number, ...given: unknown[]): unknown => {
      const virtual = current();
      if (virtual === undefined) return start(callback, delay, ...given);
      if (typeof callback !== "function") throw new TypeError("the callback of a timer must be a function");
      return new GlobalTimer(virtual, () => callback(...given), delay, repeats);
    };
  const promised = (delay: number, value: unknown): Promise<unknown> =>
    new Promise((resolve) => {
      globalThis.setTimeout(resolve, delay, value);
    });
  const wrapStop =
    (stop: typeof clearTimeout) =>
    (timer: unknown): void => {
      if (timer instanceof GlobalTimer) timer.close();
      else stop(timer as Parameters<typeof clearTimeout>[0]);
    };
  const dateNow = (): number => current()?.clock.date() ?? real.Date.now();
  const VirtualDate = new Proxy(real.Date, {
    // Called as a function, Date returns the current time as text.
    apply: () => new real.Date(dateNow()).toString(),
    construct: (target, given, newTarget) =>
      Reflect.construct(target, given.length === 0 ? [dateNow()] : given, newTarget) as object,
    get: (target, name) => (name === "now" ? dateNow : Reflect.get(target, name)),
  });

  replace(
    globalThis,
    "setTimeout",
    Object.assign(wrapStart(real.setTimeout, false), { [promisify.custom]: promised }) as unknown as typeof setTimeout,
    undo,
  );
  replace(globalThis, "setInterval", wrapStart(real.setInterval, true) as typeof setInterval, undo);
  replace(globalThis, "clearTimeout", wrapStop(real.clearTimeout) as typeof clearTimeout, undo);
  replace(globalThis, "clearInterval", wrapStop(real.clearInterval) as typeof clearInterval, undo);
  replace(globalThis, "Date", VirtualDate, undo);
  replace(performance, "now", () => (current() === undefined ? real.now() : current()!.clock.now() / 1_000), undo);
}
