/** The side of a worker: a process that a supervisor has started, and that gets its sockets and its commands from it. */

import type { CryptoEngine } from "../../crypto/engine.ts";
import { systemClock } from "../clock.ts";
import type { EngineChoice } from "../engine/choice.ts";
import { chooseEngine } from "../engine/engine.ts";
import { describeFault, detach, type Fault, guard, ignore } from "../guard.ts";
import type { Bindable, BoundAddress } from "../http/listener.ts";
import type { Binding, Bound } from "../listen/bind.ts";
import { type QuicEnvironment, systemEnvironmentWith } from "../quic/environment.ts";
import type { TraceConnection } from "../quic/tracing.ts";
import { systemRng } from "../random.ts";
import { Timer } from "../timer.ts";
import type { UdpSocket } from "../udp/udp-socket.ts";
import { Channel } from "./channel.ts";
import { type FromWorker, isMessage, type ToWorker, WORKER_VARIABLE, type WorkerSetup } from "./messages.ts";
import { WorkerNeighbours } from "./neighbours.ts";
import type { Place } from "./place.ts";
import type { Failure } from "./supervisor-machine.ts";

/** Milliseconds that requests in transit have when a reload drains this process. Most clients close before. */
const NOTICE = 3_000;
/** Milliseconds to finish if the supervisor is gone. */
const ORPHAN_TIMEOUT = 10_000;
/** Milliseconds that timers and sockets of the program may keep the process alive after its server has closed. */
const LEFTOVER_TIME = 250;

/** A server as its supervisor sees it. */
export interface SupervisedServer {
  close(options: { readonly timeout?: number; readonly notice?: number }): Promise<void>;
  reload(options: { readonly tls?: never }): Promise<void>;
}

export interface WorkerOptions {
  readonly log: (line: string) => void;
  /** Default: this process. */
  readonly process?: WorkerHost;
}

/** The members of `process` that a worker needs. */
export interface WorkerHost {
  readonly connected?: boolean | undefined;
  on(event: string, listener: (message: unknown) => void): unknown;
  once(event: string, listener: (message: unknown) => void): unknown;
  off(event: string, listener: (message: unknown) => void): unknown;
  send(message: FromWorker, done: () => void): unknown;
  disconnect(): void;
  exit(): void;
}

const ownHost = (): WorkerHost => ({
  get connected() {
    return process.connected;
  },
  on: (event, listener) => process.on(event as "message", listener),
  once: (event, listener) => process.once(event as "message", listener),
  off: (event, listener) => process.off(event as "message", listener),
  send: (message, done) => process.send!(message, undefined, undefined, done),
  disconnect: () => process.disconnect(),
  exit: () => process.exit(),
});

let isWorker: boolean | undefined;

/** True in a process that a supervisor has started. Children of this process are none. */
export function isWorkerProcess(): boolean {
  isWorker ??= process.env[WORKER_VARIABLE] !== undefined && process.send !== undefined;
  delete process.env[WORKER_VARIABLE];
  return isWorker;
}

let joined: Promise<WorkerProcess> | undefined;

/** Called once by the server of this process; a second one has no sockets. */
export function joinSupervisor(options: WorkerOptions): Promise<WorkerProcess> {
  if (joined !== undefined) return Promise.reject(new Error("only one server with workers can run in a process"));
  joined = WorkerProcess.join(options);
  return joined;
}

/** Tells the supervisor why this process cannot serve. */
export function reportFailure(failure: Failure): Promise<void> {
  return new Promise((resolve) => {
    const host = ownHost();
    if (host.connected === true) host.send({ nagare: "failed", failure }, () => resolve());
    else resolve();
  });
}

export class WorkerProcess {
  readonly setup: WorkerSetup;
  /** Returns the metrics of this process, if it has any. */
  metrics: (() => Promise<string>) | undefined;
  readonly #options: WorkerOptions;
  readonly #host: WorkerHost;
  readonly #channel: Channel;
  readonly #neighbours: WorkerNeighbours;
  readonly #sockets: UdpSocket[] = [];
  readonly #onFault = (fault: Fault): void => this.#options.log(describeFault(fault));
  #server: SupervisedServer | undefined;
  #onServe: ((tls: unknown) => void) | undefined;
  /** A command that came before the server. */
  #drain: { readonly timeout: number; readonly isReload: boolean } | undefined;

  private constructor(setup: WorkerSetup, options: WorkerOptions, host: WorkerHost) {
    this.setup = setup;
    this.#host = host;
    this.#options = options;
    const { place: self, folder, channelSecret: secret, idKey } = setup;
    this.#channel = new Channel({ folder, secret, self, log: options.log, onFault: this.#onFault });
    this.#neighbours = new WorkerNeighbours(self, idKey, this.#channel, { clock: systemClock, rng: systemRng });
    host.on(
      "message",
      guard("worker command", this.#onFault, (message: unknown) => {
        if (isMessage(message)) this.#handle(message as ToWorker);
      }),
    );
    host.once(
      "disconnect",
      guard("worker orphaned", this.#onFault, () => this.#finish({ timeout: ORPHAN_TIMEOUT, isReload: false })),
    );
    // A terminal signals all of its processes at once; the supervisor decides.
    host.on("SIGINT", ignore);
    host.on(
      "SIGTERM",
      guard("worker signal", this.#onFault, () => this.#finish({ timeout: ORPHAN_TIMEOUT, isReload: false })),
    );
  }

  static async join(options: WorkerOptions): Promise<WorkerProcess> {
    const host = options.process ?? ownHost();
    const setup = await new Promise<WorkerSetup>((resolve) => {
      const handle = guard(
        "worker setup",
        (fault) => options.log(describeFault(fault)),
        (message: unknown) => {
          if (!isMessage(message) || message.nagare !== "setup") return;
          host.off("message", handle);
          resolve(message as unknown as WorkerSetup);
        },
      );
      host.on("message", handle);
      host.send({ nagare: "hello" }, ignore);
    });
    const worker = new WorkerProcess(setup, options, host);
    await worker.#channel.open();
    return worker;
  }

  get place(): Place {
    return this.setup.place;
  }

  get addresses(): readonly BoundAddress[] {
    return this.setup.addresses;
  }

  /** True if this worker has sockets of that kind. */
  serves(transport: "tcp" | "udp"): boolean {
    return this.setup.sockets.some((socket) => socket.transport === transport);
  }

  /**
   * Says that the program is loaded, and waits for the command to serve. Resolves to the certificates that have replaced the
   * program's own, if any.
   */
  whenWanted(): Promise<unknown> {
    const wanted = new Promise<unknown>((resolve) => {
      this.#onServe = resolve;
    });
    this.#send({ nagare: "ready" });
    return wanted;
  }

  /** Creates a listener for each binding, on the inherited sockets. */
  async bind<Socket extends Bindable>(bindings: readonly Binding<Socket>[]): Promise<Bound<Socket>> {
    const listeners: Socket[] = [];
    for (const { transport, create } of bindings) {
      const listener = create();
      listeners.push(listener);
      for (const socket of this.setup.sockets) {
        // The listener itself binds the preferred addresses.
        if (socket.transport !== transport || socket.isPreferred) continue;
        await listener.listen(socket.port, socket.host, socket.descriptor);
      }
    }
    return { listeners, addresses: this.addresses };
  }

  /** HTTP/3 in this process: inherited sockets, and connection ids that name it. */
  environment(engine: EngineChoice, trace: TraceConnection | undefined): QuicEnvironment {
    return {
      ...systemEnvironmentWith(engine, trace),
      loadEngine: async (): Promise<CryptoEngine> => (await chooseEngine(engine)).crypto,
      bind: async (port, host) => {
        const { udp } = await chooseEngine(engine);
        const socket = this.setup.sockets.find(
          (each) => each.transport === "udp" && each.host === host && [each.port, each.requestedPort].includes(port),
        );
        if (socket === undefined) throw new Error(`the supervisor has no UDP socket on ${host}, port ${port}`);
        const adopted =
          socket.descriptor === undefined
            ? await udp.shared!.bind(socket.port, host)
            : udp.groups!.adopt(socket.descriptor);
        this.#sockets.push(adopted);
        return adopted;
      },
      neighbours: this.#neighbours,
    };
  }

  /** The server listens. */
  attach(server: SupervisedServer & { readonly finished: Promise<void> }): void {
    this.#server = server;
    detach("worker finished", this.#onFault, this.#leaveAfter(server.finished));
    this.#send({ nagare: "serving" });
    if (this.#drain !== undefined) this.#finish(this.#drain);
  }

  #handle(message: ToWorker): void {
    switch (message.nagare) {
      case "serve":
        this.#onServe?.(message.tls);
        break;
      case "topology":
        this.#neighbours.update(message);
        break;
      case "drain":
        this.#finish(message);
        break;
      case "certificates":
        detach("worker new certificates", this.#onFault, this.#replaceCertificates(message.id, message.tls));
        break;
      case "metrics":
        detach("worker metrics", this.#onFault, this.#sendMetrics(message.id));
        break;
      case "setup":
        break;
    }
  }

  async #sendMetrics(id?: number): Promise<void> {
    if (this.metrics === undefined) return;
    const text = await this.metrics();
    this.#send({ nagare: "metrics", text, ...(id === undefined ? {} : { id }) });
  }

  #finish(drain: { readonly timeout: number; readonly isReload: boolean }): void {
    this.#drain = drain;
    if (this.#server === undefined) return;
    const { timeout, isReload } = drain;
    // The new generation reads the same sockets, and passes on what belongs here.
    if (isReload) for (const socket of this.#sockets) socket.pause?.();
    const closed = this.#server.close({ timeout, notice: isReload ? Math.min(NOTICE, timeout) : 0 });
    detach("worker close", this.#onFault, closed);
  }

  async #replaceCertificates(id: number, tls: unknown): Promise<void> {
    try {
      await this.#server!.reload({ tls: tls as never });
      this.#send({ nagare: "certificates", id });
    } catch (error) {
      this.#send({ nagare: "certificates", id, failure: failureOf(error as Error, true) });
    }
  }

  #send(message: FromWorker): void {
    if (this.#host.connected === true) this.#host.send(message, ignore);
  }

  /** Ends the process when nothing is left for it to do. */
  async #leaveAfter(finished: Promise<void>): Promise<void> {
    await finished;
    await this.#sendMetrics();
    this.#send({ nagare: "leaving" });
    await this.#channel.close();
    if (this.#host.connected === true) this.#host.disconnect();
    new Timer(
      guard("worker leftovers", this.#onFault, () => this.#host.exit()),
      LEFTOVER_TIME,
    ).unref();
  }
}

/** An error for the supervisor, which prints or throws it. */
export function failureOf(error: Error, isConfiguration: boolean): Failure {
  const { code } = error as { code?: unknown };
  return {
    name: error.name,
    ...(typeof code === "string" ? { code } : {}),
    message: error.message,
    isConfiguration,
  };
}
