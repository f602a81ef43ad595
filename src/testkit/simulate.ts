/**
 * `simulate`: a fetch handler and the client's `fetch` over HTTP/3, on a link with loss and delay, in virtual time.
 *
 * Server and client are the real ones, on simulated sockets and a virtual clock. One event happens, then everything
 * that follows from it without time passing: promises, ticks, immediates, marked work. Only then do the QUIC drivers
 * send, and time jumps to the next event. So the digest does not depend on how many turns of the event loop a Node
 * version needs for a promise.
 */

import { type Rng, SeededRng } from "../base/rng.ts";
import { Client, type FetchInit } from "../client/index.ts";
import { createHttp3Connector } from "../host/client/h3-connector.ts";
import { millisNow } from "../host/clock.ts";
import { loadCrypto } from "../host/engine/crypto.ts";
import { createFetchHandler, type Handler } from "../host/http/fetch-handler.ts";
import type { QuicEnvironment } from "../host/quic/environment.ts";
import { QuicListener } from "../host/quic/listener.ts";
import { SimulateError, testFailure } from "./errors.ts";
import { detachConsole, virtualizeGlobals } from "./globals.ts";
import { simulatedServerIdentity } from "./identity.ts";
import { createKit, type Kit } from "./kit.ts";
import { CLIENT_HOST, SERVER_HOST, SimulatedPath } from "./network.ts";
import { checkHandler, checkOptions, type Settings, type SimulateOptions } from "./options.ts";
import { RealWork } from "./real-work.ts";
import { Recordings } from "./recordings.ts";
import { VirtualClock } from "./virtual-clock.ts";

/** Like the client's `fetch`, but also takes paths of the simulated server, such as "/users". */
export type SimulatedFetch = (input: string | URL | Request, init?: FetchInit) => Promise<Response>;

export interface SimulateResult<T> {
  /** What the test returned. */
  readonly value: T;
  /** A fingerprint of every datagram sent, with its time: equal digests mean equal runs. */
  readonly digest: string;
  /** The duration of the test in milliseconds. */
  readonly virtualTime: number;
}

/** After this many idle turns of the event loop, nothing more will happen on its own. */
const IDLE_TURNS = 2;
/** The maximum number of event loop turns at one instant; a longer chain of immediates counts as endless. */
const MAX_TURNS = 100_000;

/** Bound at load time: a test runner may replace the global one. */
const nextTurn = (
  (immediate) => (): Promise<void> =>
    new Promise((resolve) => void immediate(resolve))
)(setImmediate);

/** Runs `test`. Rejects with a SimulateError whose message begins with the seed and whose `cause` is kept. */
export async function simulate<T>(
  options: SimulateOptions,
  test: (fetch: SimulatedFetch, kit: Kit) => T | Promise<T>,
): Promise<SimulateResult<T>> {
  const settings = checkOptions(options);
  if (options.handler !== undefined) checkHandler(options.handler);
  if (typeof test !== "function") {
    throw new SimulateError("OPTION_INVALID", undefined, "simulate needs a test: (fetch, kit) => …");
  }
  const engine = await loadCrypto(settings.engine);
  const simulation = new Simulation<T>(settings);
  const attachConsole = detachConsole();
  const restoreGlobals = options.virtualGlobals === true ? simulation.virtualizeGlobals() : () => {};
  try {
    return await simulation.run(options, test, async () => engine);
  } finally {
    restoreGlobals();
    attachConsole();
    await simulation.close();
  }
}

class Simulation<T> {
  readonly #settings: Settings;
  readonly #clock: VirtualClock;
  readonly #work: RealWork;
  readonly #recordings: Recordings | undefined;
  readonly #handlerErrors: unknown[] = [];
  #outcome: { readonly value: T } | { readonly error: unknown } | undefined;
  #isFinished = false;

  constructor(settings: Settings) {
    this.#settings = settings;
    this.#clock = new VirtualClock(settings.startTime);
    this.#work = new RealWork(settings.seed, settings.realTimeout);
    this.#recordings = settings.qlog && new Recordings(settings.qlog, this.#clock);
  }

  virtualizeGlobals(): () => void {
    return virtualizeGlobals(this.#work, { clock: this.#clock, call: this.#call });
  }

  async close(): Promise<void> {
    this.#isFinished = true;
    this.#work.close();
    await this.#recordings?.save();
  }

  /** An exception in a timer callback fails the test, as it would end a process. */
  readonly #call = (callback: () => void): void => {
    try {
      callback();
    } catch (error) {
      this.#outcome ??= { error };
    }
  };

  async run(
    options: SimulateOptions,
    test: (fetch: SimulatedFetch, kit: Kit) => T | Promise<T>,
    engine: QuicEnvironment["loadEngine"],
  ): Promise<SimulateResult<T>> {
    const { seed, up, down, origin, limit } = this.#settings;
    const clock = this.#clock;
    const rng = new SeededRng(seed);
    const path = new SimulatedPath(clock, rng, up, down);
    const environment = (host: typeof CLIENT_HOST | typeof SERVER_HOST): QuicEnvironment => ({
      clock,
      rng: fork(rng),
      loadEngine: engine,
      bind: async (port) => path.bind(host, port),
      trace: this.#recordings?.trace,
    });
    const identity = simulatedServerIdentity(origin.hostname);
    const client = new Client(
      {
        ...options.client,
        protocols: ["h3"],
        ca: identity.cert,
        resolve: (name) => (name === origin.hostname ? [SERVER_HOST] : []),
        // Decompression would use the thread pool.
        decompress: false,
        http3: createHttp3Connector(environment(CLIENT_HOST)),
      },
      clock,
    );
    const kit = createKit({
      seed,
      origin: origin.origin,
      clock,
      work: this.#work,
      client,
      rng: fork(rng),
      call: this.#call,
      isFinished: () => this.#isFinished,
    });
    const handler = checkHandler(options.createHandler?.(kit) ?? options.handler);
    const { onError, nativeRequest, log } = options;
    // Requests run in the asynchronous context in which their handler was created.
    const service = this.#work.enter(() =>
      createFetchHandler(this.#recordErrors(handler), { onError, nativeRequest, log, clock }),
    );
    const listener = new QuicListener({
      identities: [identity],
      onExchange: service.handle,
      acceptsTunnels: service.acceptsTunnels,
      onFault: ({ error }) => {
        this.#outcome ??= { error };
      },
      environment: environment(SERVER_HOST),
    });
    await listener.listen(origin.port === "" ? 443 : Number(origin.port), SERVER_HOST);

    this.#work.enter(() => this.#start(async () => test(fetchFrom(client, origin), kit)));
    await this.#runUntil(limit, () => this.#outcome !== undefined, "the test has not finished");
    const outcome = this.#outcome!;
    if ("error" in outcome) throw testFailure(seed, outcome.error, this.#handlerErrors);
    const { digest } = path;
    const virtualTime = millisNow(clock);
    let isSettled = false;
    this.#work.enter(() => void service.settled().then(() => (isSettled = true)));
    await this.#runUntil(limit, () => isSettled, "a waitUntil promise has not settled");
    return { value: outcome.value, digest, virtualTime };
  }

  #start(test: () => Promise<T>): void {
    test().then(
      (value) => (this.#outcome ??= { value }),
      (error: unknown) => (this.#outcome ??= { error }),
    );
  }

  /** Records what a handler throws: the resulting 500 alone would not tell a test's author why. */
  #recordErrors(handler: Handler): Handler {
    return async (...given) => {
      try {
        return await handler(...given);
      } catch (error) {
        this.#handlerErrors.push(error);
        throw error;
      }
    };
  }

  async #runUntil(limit: ReturnType<VirtualClock["now"]>, isFinished: () => boolean, problem: string): Promise<void> {
    for (;;) {
      await this.#settle();
      if (isFinished()) return;
      const next = this.#work.enter(() => this.#clock.advance(limit));
      if (next === "happened") continue;
      const at = `at ${millisNow(this.#clock)} ms of virtual time`;
      if (next === "limit") {
        const message = `${problem} after ${limit / 1_000} ms of virtual time (maxVirtualTime)`;
        throw new SimulateError("TIME_LIMIT", this.#settings.seed, message);
      }
      const message = `${problem} ${at}, but no events are left: it waits for something that never happens`;
      throw new SimulateError("NOTHING_LEFT", this.#settings.seed, message);
    }
  }

  /** Runs everything that takes no virtual time. */
  async #settle(): Promise<void> {
    do {
      do await this.#idle();
      while (await this.#work.settle());
    } while (this.#work.enter(() => this.#clock.runDeferred()));
  }

  async #idle(): Promise<void> {
    let seen = this.#work.activity;
    for (let turn = 0, idle = 0; idle < IDLE_TURNS; turn += 1) {
      await nextTurn();
      idle = this.#work.activity === seen ? idle + 1 : 0;
      seen = this.#work.activity;
      if (turn === MAX_TURNS) {
        const message = "code schedules immediates endlessly, so virtual time cannot advance; use kit.sleep";
        throw new SimulateError("NEVER_IDLE", this.#settings.seed, message);
      }
    }
  }
}

/** A separate source of randomness, so that one side's draws do not affect the other's. */
const fork = (rng: Rng): SeededRng => new SeededRng(rng.uint32());

function fetchFrom(client: Client, origin: URL): SimulatedFetch {
  return (input, init) => {
    const isPath = typeof input === "string" && input.startsWith("/");
    return client.fetch(isPath ? new URL(input, origin) : input, init);
  };
}
