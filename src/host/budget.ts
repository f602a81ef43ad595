/**
 * One budget for the process: what connections hold in memory for their peers, and the files and sockets that are open.
 * Bounds of one connection do not bound their sum. When the sum is exceeded, those go first that hold most for longest:
 * a megabyte that leaves within a second weighs less than one that leaves byte by byte. And a connection that takes
 * nothing for too long is cut in any case.
 *
 * Connections are asked, a few times a second, since counting each byte as it comes and goes would cost more.
 */
import { readFileSync } from "node:fs";
import { getHeapStatistics } from "node:v8";
import { guard, reportFault } from "./guard.ts";

/** A connection, as the budget sees it. */
export interface Holder {
  /** Bytes of memory that are held for the peer, as an estimate. */
  held(): number;
  /** Something waits until the peer takes it, or sends what is missing. */
  awaitsPeer(): boolean;
  /** Requests are under way. */
  isBusy(): boolean;
  /** Bytes that the peer has taken or brought so far, about; it changes when a request begins or ends as well. */
  progress(): number;
  /** Ends the connection. */
  shed(reason: string): void;
}

export interface BudgetLimits {
  /** Bytes that all connections may hold: a quarter of the heap's limit by default, and 512 MiB at most. */
  readonly memory: number;
  /** Files that may be open for responses: half of what the system allows the process by default. */
  readonly files: number;
  /** Files and TCP connections together: nine tenths of what the system allows by default. */
  readonly descriptors: number;
}

interface Watched {
  readonly stallTimeout: number;
  progress: number;
  /** Since when there has been no progress; of a connection at rest, since when it rests. */
  quietSince: number;
  awaits: boolean;
  held: number;
  /** Since when requests are under way without a pause. */
  busySince: number;
  /** When the pace was taken last, and the progress at that time. */
  lookedAt: number;
  paceFrom: number;
  /** Bytes of progress in a second, the recent ones counting most. */
  pace: number;
}

const MAX_DEFAULT_MEMORY = 512 * 1024 * 1024;
const SWEEP_INTERVAL = 250;
/** Having begun to cut off, the budget goes on until so much of the limit is left, so that it need not begin again at once. */
const ROOM_AFTER = 0.25;
/** Nobody is cut off for the sake of a descriptor before being quiet for so long. */
const QUIET = 1_000;
/** Holding on for longer than this weighs no more. */
const LONGEST_HOLD = 60_000;
/** A pace is not taken from less time than this. */
const PACE_SPAN = 100;
/** Of what was before so long ago, half of the pace is made. */
const PACE_MEMORY = 1_000;
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

  /** Open files. */
  get files(): number {
    return this.#files;
  }

  /** Watches a connection until `remove`. `stallTimeout` is how long it may take nothing, in milliseconds. */
  add(holder: Holder, stallTimeout: number): void {
    const now = this.#now();
    const begin = { quietSince: now, busySince: now, lookedAt: now };
    this.#holders.set(holder, { stallTimeout, progress: 0, awaits: false, held: 0, pace: 0, paceFrom: 0, ...begin });
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

  /** Looks at every connection, and ends those that must go. */
  sweep(): void {
    const now = this.#now();
    let total = 0;
    for (const [holder, watched] of this.#holders) {
      look(holder, watched, now);
      if (watched.awaits && now - watched.quietSince >= watched.stallTimeout) {
        this.#end(holder, `nothing was taken for ${Math.round(watched.stallTimeout / 1000)} s`);
      } else {
        total += watched.held;
      }
    }
    // One buffer may wait for many clients, and is counted for each of them: the process knows what it really uses.
    if (total > this.limits.memory && this.#used() > this.limits.memory) this.#reduce(total, now);
    this.#say(now);
  }

  #reduce(total: number, now: number): void {
    // Bytes held times how long they are; the first second is free.
    const weight = (watched: Watched): number => watched.held * (1_000 + holdTime(watched, now));
    const heaviest = [...this.#holders].sort(([, a], [, b]) => weight(b) - weight(a));
    let left = total;
    for (const [holder, { held }] of heaviest) {
      if (left <= this.limits.memory * (1 - ROOM_AFTER)) break;
      left -= held;
      this.#shed += 1;
      this.#end(holder, "all connections together hold too much memory");
    }
  }

  /** A file is to be opened; false when there are too many, and the request has to be refused. */
  openFile(): boolean {
    // A connection that is cut off may close its files at once.
    if (!this.#hasDescriptor && (!this.makeRoom() || !this.#hasDescriptor)) {
      this.#refused += 1;
      this.#say(this.#now());
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

  /** A TCP connection has come; false when there are too many and none can be closed in its place. */
  openSocket(): boolean {
    this.#sockets += 1;
    return this.#files + this.#sockets <= this.limits.descriptors || this.makeRoom();
  }

  closeSocket(): void {
    this.#sockets -= 1;
  }

  /**
   * Descriptors have run out: ends the connection that has rested longest, or else the one that has taken nothing for
   * longest. False when there is none.
   */
  makeRoom(): boolean {
    const now = this.#now();
    let chosen: Holder | undefined;
    let most = QUIET;
    for (const [holder, watched] of this.#holders) {
      look(holder, watched, now);
      const isBusy = holder.isBusy();
      if (isBusy && !watched.awaits) continue;
      // Those at rest lose nothing.
      const quiet = (now - watched.quietSince) * (isBusy ? 1 : 1_000);
      if (quiet < most) continue;
      most = quiet;
      chosen = holder;
    }
    if (chosen === undefined) return false;
    this.#shed += 1;
    this.#end(chosen, "the process has no file descriptor left");
    this.#say(now);
    return true;
  }

  #end(holder: Holder, reason: string): void {
    this.remove(holder);
    holder.shed(reason);
  }

  #say(now: number): void {
    if (this.#shed + this.#refused === 0 || now - this.#reportedAt < REPORT_INTERVAL) return;
    this.#report(
      `nagare: under pressure: ${this.#shed} connections cut off, ${this.#refused} files not opened (docs/robustness.md)`,
    );
    this.#shed = 0;
    this.#refused = 0;
    this.#reportedAt = now;
  }
}

/** How long what is held now is likely to be held: as it has been so far, or at its pace if that is faster. */
function holdTime({ held, pace, busySince }: Watched, now: number): number {
  const atPace = pace === 0 ? LONGEST_HOLD : (held / pace) * 1_000;
  return Math.min(now - busySince, atPace, LONGEST_HOLD);
}

function look(holder: Holder, watched: Watched, now: number): void {
  const progress = holder.progress();
  const awaits = holder.awaitsPeer();
  if (!holder.isBusy()) watched.busySince = now;
  const span = now - watched.lookedAt;
  if (span >= PACE_SPAN) {
    const recent = ((progress - watched.paceFrom) * 1_000) / span;
    watched.pace += (recent - watched.pace) * (span / (span + PACE_MEMORY));
    watched.paceFrom = progress;
    watched.lookedAt = now;
  }
  if (progress !== watched.progress || (awaits && !watched.awaits)) watched.quietSince = now;
  watched.progress = progress;
  watched.awaits = awaits;
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

/** How many descriptors this process may have. Where the system does not say, nothing is bounded. */
function allowedDescriptors(): number {
  try {
    const soft = /^Max open files\s+(\d+)/m.exec(readFileSync("/proc/self/limits", "latin1"))?.[1];
    return soft === undefined ? Number.POSITIVE_INFINITY : Number(soft);
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}

let shared: Budget | undefined;

/** The one of this process, which all of its servers share. */
export function processBudget(): Budget {
  shared ??= new Budget();
  return shared;
}
