/**
 * Detects work that virtual time cannot wait for: files, sockets, the thread pool, real timers. Every such operation
 * started by simulated code is noticed (async_hooks). Unless it is marked with `kit.real`, the simulation fails,
 * because the time of its completion would differ between runs.
 */

import { AsyncLocalStorage, createHook, executionAsyncId } from "node:async_hooks";
import { SimulateError } from "./errors.ts";

/**
 * Node's names for resources that the operating system completes. The others (promises, ticks, immediates) complete by
 * themselves.
 */
const REAL = /REQ$|REQUEST$|WRAP$|^FSREQ|^FSEVENT|^STATWATCHER$|^ZLIB$|^WORKER$|^MESSAGEPORT$|^DNSCHANNEL$|^Timeout$/;
/** Completed in the next turn of the event loop or earlier. */
const SOON = new Set(["Immediate", "TickObject", "Microtask", "BLOBREADER"]);

interface Operation {
  readonly type: string;
  readonly resource: object;
  readonly execution: number;
  readonly stack: string | undefined;
}

/**
 * True if the operation completes later. A node:crypto job has a callback unless it is synchronous and already done, or
 * belongs to Web Cryptography (which has a promise from Node 24 on). A node:zlib stream has one from its first write on.
 */
function endsLater({ type, resource, stack }: Operation): boolean {
  if (type.endsWith("REQUEST")) {
    return (resource as { ondone?: unknown }).ondone !== undefined || stack?.includes("SubtleCrypto.") === true;
  }
  return type !== "ZLIB" || (resource as { cb?: unknown }).cb !== undefined;
}

interface Marked {
  isSettled: boolean;
  deliver: () => void;
}

/** The owner of the running code; every callback and promise that follows from it has the same scope. */
interface Scope {
  readonly work: RealWork;
  /** True inside `real(() => …)`, where all work is allowed. */
  readonly isMarked: boolean;
}

const scopes = new AsyncLocalStorage<Scope>();

const hook = createHook({
  init: (_id, type, _trigger, resource) => scopes.getStore()?.work.handleStart(type, resource),
  // Node 24 and later need not report every promise.
  ...({ trackPromises: false } as object),
});
let watching = 0;

export class RealWork {
  readonly #seed: number;
  readonly #timeout: number;
  #unmarked: Operation[] = [];
  readonly #marked: Marked[] = [];
  #onSettled: (() => void) | undefined;
  /** Counts everything that the event loop will handle soon. */
  activity = 0;

  /** `timeout`: the time limit for marked work, in real milliseconds. */
  constructor(seed: number, timeout: number) {
    this.#seed = seed;
    this.#timeout = timeout;
    watching += 1;
    hook.enable();
  }

  close(): void {
    watching -= 1;
    if (watching === 0) hook.disable();
  }

  /** Runs code as part of the simulation. */
  enter<T>(code: () => T): T {
    return scopes.run({ work: this, isMarked: false }, code);
  }

  handleStart(type: string, resource: object): void {
    if (SOON.has(type)) {
      this.activity += 1;
      return;
    }
    if (!REAL.test(type) || this.#marked.length > 0 || scopes.getStore()?.isMarked === true) return;
    this.#unmarked.push({ type, resource, execution: executionAsyncId(), stack: new Error(type).stack });
  }

  /** Wraps the promise of real work. The result is delivered at a reproducible time: when all marked work is done. */
  mark<T>(work: PromiseLike<T> | (() => PromiseLike<T>)): Promise<T> {
    const promise = typeof work === "function" ? scopes.run({ work: this, isMarked: true }, work) : work;
    const execution = executionAsyncId();
    // The same code has just started the work behind the promise.
    this.#unmarked = this.#unmarked.filter((operation) => operation.execution !== execution);
    return new Promise((resolve, reject) => {
      const marked: Marked = { isSettled: false, deliver: () => {} };
      const settle = (deliver: () => void): void => {
        marked.isSettled = true;
        marked.deliver = deliver;
        this.#onSettled?.();
      };
      this.#marked.push(marked);
      this.activity += 1;
      promise.then(
        (value) => settle(() => resolve(value)),
        (error: unknown) => settle(() => reject(error)),
      );
    });
  }

  /** Waits in real time for all marked work. Returns false if there was none. Throws for unmarked work. */
  async settle(): Promise<boolean> {
    if (this.#unmarked.length > 0) {
      const unmarked = this.#unmarked.find(endsLater);
      if (unmarked !== undefined) throw this.#unmarkedError(unmarked);
      // A node:zlib stream may be used later.
      this.#unmarked = this.#unmarked.filter(({ type }) => type === "ZLIB");
    }
    if (this.#marked.length === 0) return false;
    await this.#whenSettled();
    // In the order of starting, not of completion.
    for (const { deliver } of this.#marked.splice(0)) deliver();
    return true;
  }

  #whenSettled(): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        const message = `work marked with kit.real() did not settle within ${this.#timeout} ms of real time; code that waits for virtual time must not be marked, and slow work needs a larger realTimeout`;
        reject(new SimulateError("REAL_WORK_TIMEOUT", this.#seed, message));
      }, this.#timeout);
      const look = (): void => {
        if (!this.#marked.every(({ isSettled }) => isSettled)) return;
        clearTimeout(timer);
        this.#onSettled = undefined;
        resolve();
      };
      this.#onSettled = look;
      look();
    });
  }

  #unmarkedError({ type, stack }: Operation): SimulateError {
    const where = callerOf(stack);
    const message =
      type === "Timeout"
        ? `a real timer was started${where}, but virtual time does not wait for it. Use kit.setTimeout, kit.sleep or kit.timeout, or run with virtualGlobals: true; timers imported from node:timers stay real`
        : `${describe(type)} was started${where} without a mark, but virtual time does not wait for it. Use await kit.real(() => work())`;
    return new SimulateError("UNMARKED_REAL_WORK", this.#seed, message);
  }
}

/** Runs code outside any simulation, such as a test runner's. */
export const outside = <T>(code: () => T): T => scopes.run(undefined as unknown as Scope, code);

/** The simulation that the running code belongs to, if any. */
export const currentWork = (): RealWork | undefined => scopes.getStore()?.work;

function describe(type: string): string {
  const what = /^FS|^FILE|^STAT/.test(type)
    ? "a file operation"
    : /DNS|ADDR|QUERY|NAMEINFO/.test(type)
      ? "a name lookup"
      : /^ZLIB$/.test(type)
        ? "compression on the thread pool"
        : /TCP|UDP|PIPE|TLS|HTTP|CONNECT/.test(type)
          ? "a socket operation"
          : /^WORKER$|^MESSAGEPORT$|^PROCESS/.test(type)
            ? "work of another thread or process"
            : "work on the thread pool";
  return `${what} (${type})`;
}

const OWN_FRAME = /node:|[\\/]testkit[\\/](?:real-work|kit|simulate|globals)\.[jt]s/;

/** The first stack line that is neither Node's nor ours. */
function callerOf(stack: string | undefined): string {
  const frames = stack?.split("\n").filter((line) => /:\d+:\d+\)?$/.test(line) && !OWN_FRAME.test(line)) ?? [];
  const frame = frames.find((line) => !line.includes("/node_modules/")) ?? frames[0];
  return frame === undefined ? "" : ` ${frame.trim()}`;
}
