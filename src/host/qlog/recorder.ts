/**
 * Records connections into files of a folder, or all into one file. Writing never delays traffic: records wait in bounded memory, and are
 * missing if the disk is too slow. The first failure ends all recording, and is reported once.
 */

import { mkdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { toHex } from "../../wire/hex.ts";
import { type HostClock, type HostTimer, systemClock } from "../clock.ts";
import { describeFault, detach, type Fault, guard, ignore } from "../guard.ts";
import type { ConnectionTrace, TraceConnection } from "../quic/tracing.ts";
import { Timer } from "../timer.ts";
import { ConnectionLog, type EventLog } from "./connection-log.ts";
import type { LoggedConnection } from "./event.ts";
import { createFile, type OpenFile, QlogFile, type QlogFileHost, replaceFile } from "./file.ts";
import type { QlogSettings } from "./options.ts";
import { Retention } from "./retention.ts";
import { SharedLog } from "./shared-log.ts";

/** Records that wait for the disk, of all connections, in bytes. */
const MAX_BUFFERED = 16 * 1024 * 1024;
/** Connections recorded at the same time. Each takes a file descriptor. */
const MAX_OPEN = 256;
/** Milliseconds for which records are gathered. */
const GATHERING = 100;
/** Milliseconds for which `close` waits for connections to end. */
const LAST_EVENTS = 5_000;

export class QlogRecorder implements QlogFileHost {
  readonly #settings: QlogSettings;
  readonly #clock: HostClock;
  /** Undefined if there is only one file. */
  readonly #retention: Retention | undefined;
  /** The recording in the one file. */
  #shared: SharedLog | undefined;
  readonly #logs = new Set<EventLog>();
  readonly #files = new Set<QlogFile>();
  #pending = new Set<QlogFile>();
  #buffered = 0;
  #isFull = false;
  #timer: HostTimer | undefined;
  #writing: Promise<void> | undefined;
  #isCreated = false;
  #state: "open" | "closed" | "failed" = "open";
  #isCrowdReported = false;
  /** Present while `close` waits. */
  #onQuiet: (() => void) | undefined;

  constructor(settings: QlogSettings, clock: HostClock = systemClock) {
    const { target } = settings;
    this.#settings = settings;
    this.#clock = clock;
    this.#retention = target.type === "folder" ? new Retention(target.path, target.maxSize) : undefined;
  }

  /** Begins the recording of a connection. */
  readonly trace: TraceConnection = (originalDestination, role) => {
    if (this.#state !== "open") return undefined;
    if (this.#files.size >= MAX_OPEN) {
      this.#reportCrowd();
      return undefined;
    }
    const connection = {
      originalDestination: toHex(originalDestination.bytes),
      role,
      startedAt: this.#clock.date(),
    };
    const log = this.#settings.target.type === "file" ? this.#addToFile(connection) : this.#addFile(connection);
    this.#logs.add(log);
    return this.#traceOf(log);
  };

  #addFile(connection: LoggedConnection): EventLog {
    const base = join(this.#settings.target.path, `${connection.originalDestination}_${connection.role}`);
    return new ConnectionLog(
      connection,
      this.#settings,
      this.#open(() => createFile(base)),
    );
  }

  #addToFile(connection: LoggedConnection): EventLog {
    const { path } = this.#settings.target;
    this.#shared ??= new SharedLog(
      connection,
      this.#settings,
      this.#open(() => replaceFile(path)),
    );
    return this.#shared.add(connection);
  }

  #open(open: OpenFile): QlogFile {
    const file = new QlogFile(open, this);
    this.#files.add(file);
    return file;
  }

  #traceOf(log: EventLog): ConnectionTrace {
    return (event, now) => {
      try {
        log.handle(event, now);
      } catch (error) {
        // A fault in the recording must not end the connection.
        this.#handleFault({ entry: "qlog event", error: error as Error });
      }
      if (log.isEnded) this.#handleEnded(log);
    };
  }

  #handleEnded(log: EventLog): void {
    if (this.#logs.delete(log) && this.#logs.size === 0) this.#onQuiet?.();
  }

  #reportCrowd(): void {
    if (this.#isCrowdReported) return;
    this.#isCrowdReported = true;
    this.#settings.log(`nagare: qlog: only ${MAX_OPEN} connections are recorded at the same time`);
  }

  reserve(bytes: number, isLast: boolean): boolean {
    if (this.#state === "failed") return false;
    // Once full, it takes records again when half of it is written, so that there are few gaps.
    if (this.#buffered + bytes > MAX_BUFFERED) this.#isFull = true;
    if (this.#isFull && !isLast) return false;
    this.#buffered += bytes;
    return true;
  }

  release(bytes: number): void {
    this.#buffered -= bytes;
    if (this.#buffered <= MAX_BUFFERED / 2) this.#isFull = false;
  }

  onPending(file: QlogFile): void {
    this.#pending.add(file);
    this.#schedule();
  }

  #schedule(): void {
    if (this.#writing !== undefined || this.#timer !== undefined) return;
    // Referenced: a program that has nothing else to do still writes its last records.
    this.#timer = this.#clock.startTimer(this.#onTimer, GATHERING);
  }

  readonly #onTimer = guard(
    "qlog timer",
    (fault) => {
      this.#timer = undefined;
      this.#handleFault(fault);
    },
    () => {
      this.#timer = undefined;
      detach("qlog write", (fault) => this.#handleFault(fault), this.#write());
    },
  );

  /** Writes what is pending. Calls in the meantime get the same promise. */
  #write(): Promise<void> {
    this.#writing ??= this.#writePending().finally(() => {
      this.#writing = undefined;
      if (this.#pending.size > 0) this.#schedule();
    });
    return this.#writing;
  }

  async #writePending(): Promise<void> {
    const files = [...this.#pending];
    this.#pending = new Set();
    try {
      if (!this.#isCreated) await mkdir(this.#directory, { recursive: true });
      this.#isCreated = true;
      for (const file of files) {
        if (this.#state === "failed") break;
        const written = await file.flush();
        this.#retention?.count(written, file.isClosed ? 1 : 0);
        if (file.isClosed) this.#files.delete(file);
      }
      await this.#retention?.enforce();
    } catch (error) {
      if (!isOfSystem(error)) throw error;
      this.#fail(`cannot write to ${this.#settings.target.path}: ${reasonOf(error)}`);
    }
    if (this.#state === "failed") await this.#abandon();
  }

  get #directory(): string {
    const { type, path } = this.#settings.target;
    return type === "folder" ? path : dirname(path);
  }

  #endLogs(): void {
    for (const log of this.#logs) log.end();
    this.#logs.clear();
    this.#shared?.end();
  }

  #handleFault(fault: Fault): void {
    this.#settings.log(describeFault(fault));
    this.#fail("an internal fault");
    this.#schedule();
  }

  /** Ends all recording. */
  #fail(reason: string): void {
    if (this.#state === "failed") return;
    this.#state = "failed";
    this.#settings.log(`nagare: qlog recording has ended: ${reason}`);
    this.#endLogs();
    this.#onQuiet?.();
  }

  async #abandon(): Promise<void> {
    const files = [...this.#files];
    this.#files.clear();
    this.#pending.clear();
    await Promise.allSettled(files.map((file) => file.abandon()));
  }

  /** Writes everything, and closes the files. Waits a moment for connections that are just ending. */
  async close(): Promise<void> {
    await this.#quiet();
    if (this.#state === "open") this.#state = "closed";
    this.#endLogs();
    do {
      await this.#writing?.catch(ignore);
      this.#clock.stopTimer(this.#timer);
      this.#timer = undefined;
      await this.#write().catch((error: Error) => this.#handleFault({ entry: "qlog write", error }));
    } while (this.#pending.size > 0);
  }

  async #quiet(): Promise<void> {
    if (this.#logs.size === 0) return;
    let timer: Timer | undefined;
    await new Promise<void>((resolve) => {
      this.#onQuiet = resolve;
      timer = new Timer(resolve, LAST_EVENTS, this.#clock);
    });
    timer?.clear();
    this.#onQuiet = undefined;
  }
}

const isOfSystem = (error: unknown): error is NodeJS.ErrnoException =>
  error instanceof Error && typeof (error as NodeJS.ErrnoException).code === "string";

function reasonOf({ code, message }: NodeJS.ErrnoException): string {
  if (code === "ENOSPC" || code === "EDQUOT") return "the disk is full";
  if (code === "EACCES" || code === "EPERM") return "no permission";
  if (code === "EROFS") return "the file system is read-only";
  if (code === "ENOTDIR" || code === "EEXIST") return "it is not a folder";
  return message;
}
