/**
 * Runs the workers of a server: child processes that execute the same program. It opens and keeps their sockets, starts,
 * replaces and ends them as `supervisor-machine.ts` says, and takes no part in their traffic.
 */

import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Micros, millis, toMillis } from "../../base/time.ts";
import { printable } from "../../wire/printable.ts";
import { systemClock } from "../clock.ts";
import { describeFault, type Fault, guard, ignore } from "../guard.ts";
import type { BoundAddress } from "../http/listener.ts";
import { MachineTimer } from "../machine-timer.ts";
import { Timer } from "../timer.ts";
import { SECRET_LENGTH } from "./channel.ts";
import { type FromWorker, isMessage, type ToWorker, WORKER_VARIABLE, type WorkerSetup } from "./messages.ts";
import { type Place, placeName } from "./place.ts";
import { type OpenedSockets, openSockets, type SocketRequest, type SteeringKind } from "./sockets.ts";
import { encodeProgram, steeringProgram } from "./steering-program.ts";
import { type Failure, type SupervisorCommand, SupervisorMachine } from "./supervisor-machine.ts";
import { WorkerMetrics } from "./worker-metrics.ts";

const ID_KEY_LENGTH = 16;
const CLIENT_KEY_LENGTH = 8;
const FIRST_DESCRIPTOR = 4;

/** Milliseconds that a busy worker may take to state its metrics; after that, its previous ones count. */
const METRICS_TIMEOUT = 1_000;

/** A program that runs as a worker. */
export interface WorkerProgram {
  readonly executable: string;
  readonly args: readonly string[];
}

/** This program. A debugger's port cannot be shared, so workers run without one. */
export const ownProgram = (): WorkerProgram => ({
  executable: process.execPath,
  args: [...process.execArgv.filter((arg) => !arg.startsWith("--inspect")), ...process.argv.slice(1)],
});

export interface SupervisorOptions extends Omit<SocketRequest, "program"> {
  /** Milliseconds that the previous workers may take to finish after a reload. */
  readonly drainTimeout: number;
  readonly program: WorkerProgram;
  readonly log: (line: string) => void;
  /** Called when the sockets are open, before a worker starts. */
  readonly onBound?: (addresses: readonly BoundAddress[]) => Promise<void>;
}

export class WorkerError extends Error {
  override readonly name: string;
  readonly code: string | undefined;

  constructor({ name, code, message }: Failure) {
    super(message);
    this.name = name;
    this.code = code;
  }
}

type Keys = Pick<WorkerSetup, "channelSecret" | "idKey" | "secret">;

interface Waiter {
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

export class Supervisor {
  readonly addresses: readonly BoundAddress[];
  readonly steering: SteeringKind | undefined;
  readonly problem: string | undefined;
  /** Resolves when no worker runs any more; rejects if they cannot run. */
  readonly finished: Promise<void>;
  readonly #options: SupervisorOptions;
  readonly #sockets: OpenedSockets;
  readonly #folder: string;
  readonly #keys: Keys;
  readonly #machine: SupervisorMachine;
  readonly #children = new Map<string, ChildProcess>();
  readonly #running = new Set<ChildProcess>();
  readonly #timer: MachineTimer;
  readonly #onFault = (fault: Fault): void => this.#options.log(describeFault(fault));
  #starting!: Waiter;
  #finishing!: Waiter;
  readonly #started: Promise<void>;
  #reloading: Waiter[] = [];
  #waiting: Waiter[] = [];
  #certificates: { readonly generation: number; readonly tls: unknown } | undefined;
  readonly #answers = new Map<string, (failure: Failure | undefined) => void>();
  #requests = 0;
  readonly #metrics = new WorkerMetrics();
  #stopped: { readonly failure: Failure | undefined } | undefined;

  private constructor(options: SupervisorOptions, sockets: OpenedSockets, keys: Keys) {
    this.#options = options;
    this.#sockets = sockets;
    this.#keys = keys;
    this.addresses = sockets.addresses;
    this.steering = sockets.steering;
    this.problem = sockets.problem;
    // mkdtemp makes it with mode 0700: only this user may enter.
    this.#folder = mkdtempSync(join(tmpdir(), "nagare-"));
    this.#started = new Promise((resolve, reject) => {
      this.#starting = { resolve, reject };
    });
    this.finished = new Promise((resolve, reject) => {
      this.#finishing = { resolve, reject };
    });
    this.finished.catch(() => undefined);
    const { workers, drainTimeout } = options;
    this.#machine = new SupervisorMachine({ workers, drainTimeout: finite(drainTimeout) }, systemClock.now());
    this.#timer = new MachineTimer(this.#onFault, (now) => {
      this.#machine.handleTimeout(now);
      this.#run();
    });
  }

  /** Resolves when all workers serve. Rejects, with no worker left, if they cannot; with a `WorkerError` for a reason of theirs. */
  static async start(options: SupervisorOptions): Promise<Supervisor> {
    const keys: Keys = {
      channelSecret: bytes(SECRET_LENGTH),
      idKey: bytes(ID_KEY_LENGTH),
      secret: bytes(SECRET_LENGTH),
    };
    const { idKey } = keys;
    const program = steeringProgram({ idKey, clientKey: bytes(CLIENT_KEY_LENGTH), workers: options.workers });
    const sockets = await openSockets({ ...options, program: encodeProgram(program) });
    await options.onBound?.(sockets.addresses).catch((error: unknown) => {
      sockets.close();
      throw error;
    });
    const supervisor = new Supervisor(options, sockets, keys);
    supervisor.#run();
    await supervisor.#started;
    return supervisor;
  }

  // ── Requests ──────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Starts the program again, and resolves when the new workers have taken over. Rejects if they cannot start. */
  reload(): Promise<void> {
    if (this.#stopped !== undefined) return Promise.reject(new Error("the server has closed"));
    const outcome = new Promise<void>((resolve, reject) => this.#waiting.push({ resolve, reject }));
    this.#machine.reload(systemClock.now());
    this.#run();
    return outcome;
  }

  /** Replaces the certificates in all workers of this generation. Rejects with the first error. */
  async replaceCertificates(tls: unknown): Promise<void> {
    const { newest } = this.#machine;
    const outcomes = await Promise.all(
      this.#machine.places
        .filter(({ generation }) => generation === newest)
        .map((place) => this.#replaceIn(place, tls)),
    );
    const failure = outcomes.find((outcome) => outcome !== undefined);
    if (failure !== undefined) throw new WorkerError(failure);
    this.#certificates = { generation: newest, tls };
  }

  #replaceIn(place: Place, tls: unknown): Promise<Failure | undefined> {
    this.#requests += 1;
    const id = this.#requests;
    const name = placeName(place);
    return new Promise((resolve) => {
      this.#answers.set(`${name} ${id}`, resolve);
      this.#send(place, { nagare: "certificates", id, tls });
    });
  }

  /** The metrics of all workers, in Prometheus' text format. */
  async metrics(): Promise<readonly string[]> {
    await Promise.all(this.#machine.places.map((place) => this.#askMetrics(place)));
    return this.#metrics.texts;
  }

  #askMetrics(place: Place): Promise<void> {
    const child = this.#children.get(placeName(place));
    if (child?.connected !== true) return Promise.resolve();
    this.#requests += 1;
    const id = this.#requests;
    const name = `${placeName(place)} ${id}`;
    return new Promise((resolve) => {
      const late = new Timer(
        guard("worker metrics late", this.#onFault, () => this.#answer(name, undefined)),
        METRICS_TIMEOUT,
      ).unref();
      this.#answers.set(name, () => {
        late.clear();
        resolve();
      });
      this.#send(place, { nagare: "metrics", id });
    });
  }

  /** Ends all workers within `timeout` milliseconds. A second call may shorten it. */
  stop(timeout: number): Promise<void> {
    if (this.#stopped === undefined) {
      this.#machine.stop(finite(timeout), systemClock.now());
      this.#run();
    }
    return this.finished;
  }

  ref(): void {
    for (const child of this.#running) reference(child, true);
  }

  unref(): void {
    for (const child of this.#running) reference(child, false);
  }

  /** The process ids of the workers that serve, or drain. */
  get pids(): readonly number[] {
    return this.#machine.places.flatMap((place) => this.#children.get(placeName(place))?.pid ?? []);
  }

  /** The generations that exist. */
  get generations(): readonly number[] {
    return this.#machine.generations;
  }

  // ── Commands of the machine ───────────────────────────────────────────────────────────────────────────────────────

  #run(): void {
    for (let next = this.#machine.pollCommand(); next !== undefined; next = this.#machine.pollCommand()) this.#do(next);
    this.#timer.set(this.#stopped === undefined ? this.#machine.nextTimeout() : undefined);
  }

  #do(command: SupervisorCommand): void {
    switch (command.type) {
      case "spawn":
        this.#spawn(command.place);
        break;
      case "serve": {
        const isReplaced = this.#certificates?.generation === command.place.generation;
        this.#send(command.place, { nagare: "serve", ...(isReplaced ? { tls: this.#certificates?.tls } : {}) });
        break;
      }
      case "drain":
        this.#send(command.place, {
          nagare: "drain",
          timeout: toMillis(command.timeout),
          isReload: command.isReload,
        });
        break;
      case "kill":
        this.#children.get(placeName(command.place))?.kill("SIGKILL");
        break;
      case "topology":
        this.#announce();
        break;
      case "report":
        this.#options.log(printable(command.line));
        break;
      case "started":
        this.#starting.resolve();
        break;
      case "reloading":
        this.#reloading = this.#waiting;
        this.#waiting = [];
        break;
      case "reloaded":
        this.#endReload(command.failure);
        break;
      case "stopped":
        this.#stopped = { failure: command.failure };
        this.#finish();
        break;
    }
  }

  #announce(): void {
    const { places } = this.#machine;
    for (const place of places) {
      this.#send(place, { nagare: "topology", places, newest: this.#machine.newestFor(place) });
    }
  }

  #endReload(failure: Failure | undefined): void {
    const waiters = this.#reloading.length > 0 ? this.#reloading : this.#waiting;
    for (const { resolve, reject } of waiters.splice(0)) {
      if (failure === undefined) resolve();
      else reject(new WorkerError(failure));
    }
  }

  /** The end, once the last process is gone. */
  #finish(): void {
    if (this.#stopped === undefined || this.#running.size > 0) return;
    this.#sockets.close();
    rmSync(this.#folder, { recursive: true, force: true });
    const { failure } = this.#stopped;
    for (const waiter of [...this.#waiting.splice(0), ...this.#reloading.splice(0)]) {
      waiter.reject(new Error("the server has closed"));
    }
    if (failure === undefined) {
      this.#starting.reject(new Error("the server was closed before it started"));
      this.#finishing.resolve();
      return;
    }
    this.#starting.reject(new WorkerError(failure));
    this.#finishing.reject(new WorkerError(failure));
  }

  // ── Processes ─────────────────────────────────────────────────────────────────────────────────────────────────────

  #spawn(place: Place): void {
    const { executable, args } = this.#options.program;
    const { descriptors } = this.#sockets.of(place.worker);
    const child = spawn(executable, args, {
      stdio: ["ignore", "inherit", "inherit", "ipc", ...descriptors],
      env: { ...process.env, [WORKER_VARIABLE]: "1" },
      serialization: "advanced",
    });
    this.#children.set(placeName(place), child);
    this.#running.add(child);
    const isCurrent = (): boolean => this.#children.get(placeName(place)) === child;
    child.on(
      "message",
      guard("worker message", this.#onFault, (message: unknown) => {
        if (isCurrent() && isMessage(message)) this.#handle(place, message as FromWorker);
      }),
    );
    const end = (how: string): void => {
      if (!this.#running.delete(child)) return;
      if (child.pid !== undefined) this.#metrics.end(child.pid);
      this.#failAnswers(place);
      if (isCurrent()) this.#machine.handleExit(place, how, systemClock.now());
      this.#run();
      this.#finish();
    };
    // Without a process there is no exit.
    child.once(
      "error",
      guard("worker error", this.#onFault, (error: Error) => {
        if (child.pid === undefined) end(error.message);
      }),
    );
    child.once(
      "exit",
      guard(
        "worker exit",
        (fault) => {
          this.#onFault(fault);
          end("an internal fault");
        },
        (code: number | null, signal: string | null) => end(signal === null ? `exit code ${code}` : `signal ${signal}`),
      ),
    );
  }

  #send(place: Place, message: ToWorker): void {
    const child = this.#children.get(placeName(place));
    // A worker that has gone, or is going, does not need it: its exit follows.
    if (child?.connected === true) child.send(message, ignore);
  }

  #handle(place: Place, message: FromWorker): void {
    const now = systemClock.now();
    switch (message.nagare) {
      case "hello":
        this.#send(place, {
          nagare: "setup",
          place,
          workers: this.#options.workers,
          addresses: this.addresses,
          sockets: this.#sockets
            .of(place.worker)
            .sockets.map((socket) =>
              socket.descriptor === undefined
                ? socket
                : { ...socket, descriptor: FIRST_DESCRIPTOR + socket.descriptor },
            ),
          folder: this.#folder,
          ...this.#keys,
        });
        break;
      case "ready":
        this.#machine.handleReady(place, now);
        break;
      case "serving":
        this.#machine.handleServing(place, now);
        break;
      case "leaving":
        this.#machine.handleLeaving(place);
        break;
      case "failed":
        this.#machine.handleFailed(place, message.failure, now);
        break;
      case "metrics": {
        const pid = this.#children.get(placeName(place))?.pid;
        if (pid !== undefined) this.#metrics.set(pid, message.text);
        if (message.id !== undefined) this.#answer(`${placeName(place)} ${message.id}`, undefined);
        break;
      }
      case "certificates":
        this.#answer(`${placeName(place)} ${message.id}`, message.failure);
        break;
    }
    this.#run();
  }

  #answer(key: string, failure: Failure | undefined): void {
    this.#answers.get(key)?.(failure);
    this.#answers.delete(key);
  }

  /** A worker that ended has no certificates any more, and its successor gets the new ones. */
  #failAnswers(place: Place): void {
    for (const key of this.#answers.keys()) if (key.startsWith(`${placeName(place)} `)) this.#answer(key, undefined);
  }
}

const bytes = (length: number): Uint8Array => new Uint8Array(randomBytes(length));

/** A day, for computations with "no limit". */
const finite = (milliseconds: number): Micros => millis(Math.min(milliseconds, 86_400_000));

function reference(child: ChildProcess, isReferenced: boolean): void {
  const channel = child.channel as { ref?(): void; unref?(): void } | null | undefined;
  if (isReferenced) {
    child.ref();
    channel?.ref?.();
  } else {
    child.unref();
    channel?.unref?.();
  }
}
