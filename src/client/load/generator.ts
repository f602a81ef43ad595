// Runs a plan of requests against one server: drives `load/` over connections of any protocol.
import { after, type Instant, type Micros, micros, millis, since, toMillis } from "../../base/time.ts";
import { ClientError } from "../../host/client/errors.ts";
import type { ClientRequestHead, Protocol, RequestContent } from "../../host/client/session.ts";
import { type HostClock, systemClock } from "../../host/clock.ts";
import { type Fault, guard } from "../../host/guard.ts";
import { MachineTimer } from "../../host/machine-timer.ts";
import { Timer } from "../../host/timer.ts";
import { type LoadPlan, LoadSchedule } from "../../load/index.ts";
import { type ClientOptions, type ClientSettings, settingsFrom } from "../options.ts";
import { type ExchangeOwner, LoadExchange } from "./exchange.ts";
import { Line, type LineOwner } from "./line.ts";
import { type LoadProgress, type LoadReport, noTime, Tally } from "./tally.ts";

/** Milliseconds between looks at what has taken too long, and between reports of progress. */
const SWEEP = 100;
/** Attempts to connect at the same time. */
const DIALS = 64;
/** Node's timers are late by up to a millisecond, so the last part of a wait is spent in turns of the event loop. */
const TURNS = millis(2);

export interface LoadOptions extends LoadPlan {
  readonly url: URL;
  readonly protocol: Protocol;
  readonly method: string;
  readonly fields: readonly (readonly [name: string, value: string])[];
  readonly content?: Uint8Array | undefined;
  /** For a request, from when it was passed to the connection. */
  readonly timeout: Micros;
  readonly client?: Omit<ClientOptions, "protocols">;
  /** Called about ten times a second, once requests have begun. */
  readonly onProgress?: (progress: LoadProgress) => void;
}

export class LoadGenerator implements LineOwner, ExchangeOwner {
  readonly #options: LoadOptions;
  readonly #clock: HostClock;
  readonly #settings: ClientSettings;
  readonly #head: ClientRequestHead;
  readonly #lines: readonly Line[];
  readonly #tally = new Tally();
  /** Requests that were passed to a connection, in that order. */
  readonly #active = new Set<LoadExchange>();
  readonly #timer: MachineTimer;
  readonly #onTurn: () => void;
  readonly #done: Promise<void>;
  #finish!: () => void;
  #fail!: (error: Error) => void;
  #schedule: LoadSchedule | undefined;
  #start: Instant = 0 as Instant;
  #end: Instant | undefined;
  /** When a connection was last seen. */
  #connectedAt: Instant = 0 as Instant;
  #sweep: Timer | undefined;
  #isTurnPending = false;
  #isPumping = false;
  #isStopped = false;

  constructor(options: LoadOptions, clock: HostClock = systemClock) {
    this.#options = options;
    this.#clock = clock;
    const { url, protocol, method, fields, connections } = options;
    this.#settings = settingsFrom({ ...options.client, protocols: [protocol] }, clock);
    this.#head = {
      method,
      scheme: url.protocol === "https:" ? "https" : "http",
      authority: url.host,
      path: `${url.pathname}${url.search}`,
      fields,
    };
    this.#lines = Array.from({ length: connections }, (_, i) => new Line(i, url, protocol, this.#settings, this));
    this.#timer = new MachineTimer(this.handleFault, () => this.#pump(), clock);
    this.#onTurn = guard("client load turn", this.handleFault, () => {
      this.#isTurnPending = false;
      this.#pump();
    });
    this.#done = new Promise((resolve, reject) => {
      this.#finish = resolve;
      this.#fail = reject;
    });
  }

  /** Rejects if no connection can be opened, with the reason. */
  async run(): Promise<LoadReport> {
    try {
      const failure = await this.#connect();
      if (this.#tally.opened === 0 && !this.#isStopped) throw failure!;
      this.#begin();
      await this.#done;
      return this.#report();
    } finally {
      this.#timer.set(undefined);
      this.#sweep?.clear();
      await Promise.all(this.#lines.map((line) => line.end()));
      await this.#settings.http3.close();
    }
  }

  /** Ends the run with what it has. */
  stop(): void {
    if (this.#isStopped) return;
    this.#isStopped = true;
    this.#schedule?.stop();
    this.#end = this.#clock.now();
    this.#finish();
  }

  // ---- LineOwner

  handleOpened(line: Line, begun: Instant): void {
    this.#tally.opened += 1;
    this.#tally.connecting.record(since(begun, this.#clock.now()));
    this.#schedule?.handleOpen(line.index);
    this.handleRoom(line);
  }

  handleLost(line: Line, error: Error | undefined): void {
    this.#schedule?.handleClosed(line.index);
    if (error === undefined) return;
    this.#tally.unopened += 1;
    this.#tally.count(error);
  }

  handleRoom(line: Line): void {
    const { session } = line;
    while (session !== undefined && session.room > 0 && line.waiting.length > 0) this.#send(line.waiting.shift()!);
    this.#pump();
  }

  readonly handleFault = ({ error }: Fault): void => this.#fail(error);

  // ---- ExchangeOwner

  handleData(bytes: number): void {
    this.#tally.received += bytes;
  }

  handleResponse(exchange: LoadExchange): void {
    if (this.#isStopped) return;
    this.#tally.completedAt(this.#clock.now(), exchange.intended, exchange.sent, exchange.status);
    this.#release(exchange);
  }

  handleFailure(exchange: LoadExchange, error: Error): void {
    if (this.#isStopped) return;
    this.#tally.failedAt(this.#clock.now(), exchange.intended, error);
    this.#release(exchange);
  }

  handleUnprocessed(exchange: LoadExchange): void {
    this.#active.delete(exchange);
    this.#lines[exchange.line]!.waiting.push(exchange);
  }

  // ----

  /** Opens all connections; returns the last failure. */
  async #connect(): Promise<Error | undefined> {
    let failure: Error | undefined;
    let next = 0;
    const dial = async (): Promise<void> => {
      while (next < this.#lines.length && !this.#isStopped) await this.#lines[next++]!.dial();
    };
    await Promise.all(Array.from({ length: Math.min(DIALS, this.#lines.length) }, dial));
    for (const { message, code } of this.#tally.errors) failure = new ClientError(code as never, message);
    return failure;
  }

  #begin(): void {
    const now = this.#clock.now();
    this.#start = now;
    this.#connectedAt = now;
    this.#schedule = new LoadSchedule(this.#options, now);
    for (const line of this.#lines) if (line.session !== undefined) this.#schedule.handleOpen(line.index);
    if (this.#isStopped) this.#schedule.stop();
    const onSweep = guard("client load sweep", this.handleFault, () => {
      this.#sweep!.refresh();
      this.#look();
    });
    this.#sweep = new Timer(onSweep, SWEEP, this.#clock);
    this.#pump();
  }

  /** Starts what is due. */
  #pump(): void {
    const schedule = this.#schedule;
    // A request may end while it is sent, or end others.
    if (schedule === undefined || this.#isPumping || this.#end !== undefined) return;
    this.#isPumping = true;
    let now = this.#clock.now();
    for (let next = schedule.pollRequest(now); next !== undefined; next = schedule.pollRequest(now)) {
      this.#send(new LoadExchange(next.connection, next.intended, this));
      now = this.#clock.now();
    }
    this.#isPumping = false;
    if (schedule.isOver(now) && schedule.inProgress === 0) {
      this.#end = now;
      this.#finish();
      return;
    }
    this.#wait(schedule.nextTimeout(now), now);
  }

  #wait(at: Instant | undefined, now: Instant): void {
    if (at === undefined || since(now, at) > TURNS) {
      this.#timer.set(at === undefined ? undefined : after(at, micros(-TURNS)));
    } else if (!this.#isTurnPending) {
      this.#isTurnPending = true;
      this.#clock.defer(this.#onTurn);
    }
  }

  #send(exchange: LoadExchange): void {
    const line = this.#lines[exchange.line]!;
    const { session } = line;
    if (session === undefined || session.room === 0) {
      line.waiting.push(exchange);
      return;
    }
    const { content } = this.#options;
    this.#active.add(exchange);
    this.#tally.sent += content?.length ?? 0;
    exchange.send(session, this.#head, contentOf(content), this.#clock.now());
  }

  #release(exchange: LoadExchange): void {
    this.#active.delete(exchange);
    const line = this.#lines[exchange.line]!;
    this.#schedule!.handleDone(line.index);
    this.handleRoom(line);
  }

  /** Ends requests that have taken too long, and a run without connections; reports progress. */
  #look(): void {
    const { timeout, onProgress } = this.#options;
    const now = this.#clock.now();
    const isLate = ({ sent }: LoadExchange): boolean => since(sent, now) >= timeout;
    const message = `no response within ${toMillis(timeout) / 1_000} s`;
    for (const exchange of this.#active) {
      if (!isLate(exchange)) break;
      exchange.abort(new ClientError("RESPONSE_TIMEOUT", message));
    }
    // Without a connection, requests wait on their lines.
    for (const line of this.#lines) {
      while (line.waiting.length > 0 && isLate(line.waiting[0]!)) {
        line.waiting.shift()!.abort(new ClientError("RESPONSE_TIMEOUT", message));
      }
    }
    onProgress?.(this.#progress(now));
    // The server is gone.
    if (this.#lines.some(({ session }) => session !== undefined)) this.#connectedAt = now;
    else if (since(this.#connectedAt, now) >= timeout) this.stop();
  }

  #progress(now: Instant): LoadProgress {
    const { completed, failed, received, latency, opened } = this.#tally;
    const { started, inProgress } = this.#schedule!;
    const backlog = this.#schedule!.backlog(now);
    return {
      ...{ completed, failed, received, latency, opened, started, inProgress, backlog },
      elapsed: since(this.#start, now),
    };
  }

  #report(): LoadReport {
    const schedule = this.#schedule!;
    const end = this.#end!;
    const unsent = schedule.backlog(end);
    const { latency, service, connecting, statuses, errors } = this.#tally;
    const { completed, failed, received, sent, opened, unopened } = this.#tally;
    for (let i = 0; i < unsent; i++) latency.record(since(schedule.intended(schedule.started + i), end));
    return {
      ...{
        latency,
        service,
        connecting,
        statuses,
        errors,
        completed,
        failed,
        received,
        sent,
        opened,
        unopened,
        unsent,
      },
      protocol: this.#options.protocol,
      started: schedule.started,
      unfinished: schedule.started - completed - failed,
      duration: end > this.#start ? since(this.#start, end) : noTime,
    };
  }
}

/** A new one for each request, since its chunks are taken once. */
const contentOf = (content: Uint8Array | undefined): RequestContent | undefined =>
  content && { length: content.length, chunks: [content] };
