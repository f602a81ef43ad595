/**
 * One budget for the process: the memory that connections hold for their peers, and the open files and sockets. Limits
 * per connection do not limit the sum. When the sum is too large, the budget ends the connections that hold the most
 * for the longest: a megabyte sent within a second weighs less than one sent byte by byte. A connection that makes no
 * progress for too long is ended in any case.
 *
 * The budget polls connections a few times a second; counting every byte would cost more.
 */
import { readFileSync } from "node:fs";
import { getHeapStatistics } from "node:v8";
import { guard, reportFault } from "./guard.ts";

/** A connection, as the budget sees it. */
export interface Holder {
  /** Estimated bytes of memory held for the peer. */
  held(): number;
  /** True if something waits for the peer to read it, or to send the rest. */
  awaitsPeer(): boolean;
  /** True if something waits for the peer to read it. */
  awaitsReader(): boolean;
  /** True if requests are in progress. */
  isBusy(): boolean;
  /** Approximate bytes exchanged with the peer so far. Also changes when a request begins or ends. */
  progress(): number;
  /** The part of them that the peer has read. Requests that end may lower it. */
  read(): number;
  /** True if the peer goes on with what costs us and gives it nothing. Asked every quarter of a second. */
  isAbused?(): boolean;
  /** Ends the connection. */
  shed(reason: string): void;
}

export interface BudgetLimits {
  /** Bytes that all connections may hold. Default: a quarter of the heap limit, at most 512 MiB. */
  readonly memory: number;
  /** Files that may be open for responses. Default: half of the process's descriptor limit. */
  readonly files: number;
  /** Files and TCP connections together. Default: nine tenths of the process's descriptor limit. */
  readonly descriptors: number;
}

interface Watched {
  readonly stallTimeout: number;
  progress: number;
  /** The time of the last progress, or when the connection became idle. */
  quietSince: number;
  awaits: boolean;
  read: number;
  /** The time since which something has waited for the peer to read, and it has read nothing. */
  unreadSince: number;
  held: number;
  /** The start of the current period with requests in progress. */
  busySince: number;
  /** The time of the last pace sample, and the progress at that time. */
  sampledAt: number;
  sampledProgress: number;
  /** Bytes of progress per second, a moving average. */
  pace: number;
}

const MAX_DEFAULT_MEMORY = 512 * 1024 * 1024;
const SWEEP_INTERVAL = 250;
/** Once over the limit, the budget frees this share of it, so that it need not start again immediately. */
const FREE_SHARE = 0.25;
/** A connection must be quiet for this long before it is ended to free a descriptor. */
const MIN_QUIET = 1_000;
/** Hold times are capped at this. */
const MAX_HOLD = 60_000;
/** The shortest time over which a pace is sampled. */
const MIN_PACE_SPAN = 100;
/** A sample over this time weighs as much as all earlier ones together. */
const PACE_SMOOTHING = 1_000;
const REPORT_INTERVAL = 10_000;

export const DEFAULT_STALL_TIMEOUT = 60_000;

export class Budget {
  limits: BudgetLimits;
  readonly #now: () => number;
  readonly #report: (line: string) => void;
  readonly #used: () => number;
  readonly #holders = new Map<Holder, Watched>();
  #timer: NodeJS.Timeout | undefined;
  #files = 0;
  #sockets = 0;
  #shed = 0;
  #refused = 0;
  #reportedAt = Number.NEGATIVE_INFINITY;

  constructor(
    limits: BudgetLimits = defaultLimits(),
    now: () => number = () => performance.now(),
    report: (line: string) => void = (line) => process.stderr.write(`${line}\n`),
    used: () => number = usedMemory,
  ) {
    this.#used = used;
    this.limits = limits;
    this.#now = now;
    this.#report = report;
  }

  get files(): number {
    return this.#files;
  }

  /** Watches a connection until `remove`. `stallTimeout` is how long it may make no progress, in milliseconds. */
  add(holder: Holder, stallTimeout: number): void {
    const now = this.#now();
    const begin = { quietSince: now, unreadSince: now, busySince: now, sampledAt: now, sampledProgress: 0 };
    this.#holders.set(holder, { stallTimeout, progress: 0, read: 0, awaits: false, held: 0, pace: 0, ...begin });
    if (this.#timer !== undefined) return;
    this.#timer = setInterval(this.#onTimer, SWEEP_INTERVAL);
    this.#timer.unref();
  }

  remove(holder: Holder): void {
    this.#holders.delete(holder);
    if (this.#holders.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  readonly #onTimer = guard("budget sweep", reportFault, () => this.sweep());

  /** Samples every connection and ends those over a limit. */
  sweep(): void {
    const now = this.#now();
    let total = 0;
    for (const [holder, watched] of this.#holders) {
      sample(holder, watched, now);
      // A peer that only sends, and reads nothing of what it asked for, stalls too.
      const quietSince = Math.min(watched.awaits ? watched.quietSince : now, watched.unreadSince);
      if (now - quietSince >= watched.stallTimeout) {
        this.#end(holder, `no progress for ${Math.round(watched.stallTimeout / 1000)} s`);
      } else if (holder.isAbused?.() === true) {
        this.#end(holder, "it sends only what is refused");
      } else {
        total += watched.held;
      }
    }
    // A buffer shared by many clients is counted once for each, so also check what the process really uses.
    if (total > this.limits.memory && this.#used() > this.limits.memory) this.#reduce(total, now);
    this.#reportPressure(now);
  }

  #reduce(total: number, now: number): void {
    // Bytes times hold time. The added second makes size decide among new connections.
    const weight = (watched: Watched): number => watched.held * (1_000 + holdTime(watched, now));
    const heaviest = [...this.#holders].sort(([, a], [, b]) => weight(b) - weight(a));
    let left = total;
    for (const [holder, { held }] of heaviest) {
      if (left <= this.limits.memory * (1 - FREE_SHARE)) break;
      left -= held;
      this.#shed += 1;
      this.#end(holder, "all connections together hold too much memory");
    }
  }

  /** Call before opening a file. Returns false if too many are open and the request must be refused. */
  openFile(): boolean {
    // Ending a connection may close its files immediately.
    if (!this.#hasDescriptor && (!this.makeRoom() || !this.#hasDescriptor)) {
      this.#refused += 1;
      this.#reportPressure(this.#now());
      return false;
    }
    this.#files += 1;
    return true;
  }

  get #hasDescriptor(): boolean {
    const { files, descriptors } = this.limits;
    return this.#files < files && this.#files + this.#sockets < descriptors;
  }

  closeFile(): void {
    this.#files -= 1;
  }

  /** Call for a new TCP connection. Returns false if there are too many and none can be ended in its place. */
  openSocket(): boolean {
    this.#sockets += 1;
    return this.#files + this.#sockets <= this.limits.descriptors || this.makeRoom();
  }

  closeSocket(): void {
    this.#sockets -= 1;
  }

  /**
   * Ends a connection to free a descriptor: the one idle for the longest, or else the one without progress for the
   * longest. Returns false if there is none.
   */
  makeRoom(): boolean {
    const now = this.#now();
    let chosen: Holder | undefined;
    let longest = MIN_QUIET;
    for (const [holder, watched] of this.#holders) {
      sample(holder, watched, now);
      const isBusy = holder.isBusy();
      if (isBusy && !watched.awaits) continue;
      // Prefer idle connections: ending them loses nothing.
      const quiet = (now - watched.quietSince) * (isBusy ? 1 : 1_000);
      if (quiet < longest) continue;
      longest = quiet;
      chosen = holder;
    }
    if (chosen === undefined) return false;
    this.#shed += 1;
    this.#end(chosen, "the process is out of file descriptors");
    this.#reportPressure(now);
    return true;
  }

  #end(holder: Holder, reason: string): void {
    this.remove(holder);
    holder.shed(reason);
  }

  #reportPressure(now: number): void {
    if (this.#shed + this.#refused === 0 || now - this.#reportedAt < REPORT_INTERVAL) return;
    this.#report(
      `nagare: under pressure: ${this.#shed} connections cut off, ${this.#refused} files not opened (docs/robustness.md)`,
    );
    this.#shed = 0;
    this.#refused = 0;
    this.#reportedAt = now;
  }
}

/** How long the held bytes are likely to be held: the busy time so far, or less if the pace is faster. */
function holdTime({ held, pace, busySince }: Watched, now: number): number {
  const atPace = pace === 0 ? MAX_HOLD : (held / pace) * 1_000;
  return Math.min(now - busySince, atPace, MAX_HOLD);
}

function sample(holder: Holder, watched: Watched, now: number): void {
  const progress = holder.progress();
  const awaits = holder.awaitsPeer();
  if (!holder.isBusy()) watched.busySince = now;
  const span = now - watched.sampledAt;
  if (span >= MIN_PACE_SPAN) {
    const recent = ((progress - watched.sampledProgress) * 1_000) / span;
    watched.pace += (recent - watched.pace) * (span / (span + PACE_SMOOTHING));
    watched.sampledProgress = progress;
    watched.sampledAt = now;
  }
  if (progress !== watched.progress || (awaits && !watched.awaits)) watched.quietSince = now;
  watched.progress = progress;
  watched.awaits = awaits;
  const read = holder.read();
  if (read > watched.read || !holder.awaitsReader()) watched.unreadSince = now;
  watched.read = read;
  watched.held = holder.held();
}

function usedMemory(): number {
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

function defaultLimits(): BudgetLimits {
  const memory = Math.min(getHeapStatistics().heap_size_limit / 4, MAX_DEFAULT_MEMORY);
  const allowed = allowedDescriptors();
  return { memory, files: Math.floor(allowed / 2), descriptors: Math.floor(allowed * 0.9) };
}

/** The process's descriptor limit; Infinity if the system does not report it. */
function allowedDescriptors(): number {
  try {
    const soft = /^Max open files\s+(\d+)/m.exec(readFileSync("/proc/self/limits", "latin1"))?.[1];
    return soft === undefined ? Number.POSITIVE_INFINITY : Number(soft);
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}

let shared: Budget | undefined;

/** The budget that all servers of this process share. */
export function processBudget(): Budget {
  shared ??= new Budget();
  return shared;
}
