/// <reference lib="esnext.disposable" preserve="true" />
// createClient: options, known origins and fetch.
import { Alternatives } from "../agent/index.ts";
import { ClientError } from "../host/client/errors.ts";
import type { Protocol, SessionStats } from "../host/client/session.ts";
import { type HostClock, systemClock } from "../host/clock.ts";
import { guard } from "../host/guard.ts";
import type { ExchangeFacts } from "./facts.ts";
import { type FetchInit, fetchWith } from "./fetch.ts";
import { type ClientOptions, type ClientSettings, settingsFrom } from "./options.ts";
import { Origin } from "./origin.ts";

export interface ConnectionFacts {
  readonly origin: string;
  readonly protocol: Protocol;
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly active: number;
  readonly stats: SessionStats;
}

/** Above this number, idle origins are forgotten. */
const MAX_ORIGINS = 256;

const DEFAULT_CLOSE_TIMEOUT = 10_000;
/** The maximum of Node's timers, in milliseconds. */
const MAX_TIMER = 2 ** 31 - 1;

interface CloseOptions {
  /** Milliseconds that responses in progress may take; Infinity for no limit. */
  readonly timeout?: number;
}

export class Client {
  readonly #settings: ClientSettings;
  readonly #clock: HostClock;
  readonly #alternatives = new Alternatives();
  readonly #origins = new Map<string, Origin>();
  readonly #facts = new WeakMap<Response, ExchangeFacts>();
  #closed = false;

  /** `clock` enables virtual time. */
  constructor(options: ClientOptions = {}, clock: HostClock = systemClock) {
    this.#settings = settingsFrom(options, clock);
    this.#clock = clock;
  }

  /** Fetches like the Fetch standard, over the best protocol of the origin and options. Rejects with a ClientError. */
  async fetch(input: string | URL | Request, init: FetchInit = {}): Promise<Response> {
    if (this.#closed) throw new ClientError("CLIENT_CLOSED", "the client is closed");
    const { response, facts } = await fetchWith((url) => this.#origin(url), this.#settings, input, init);
    this.#facts.set(response, facts);
    return response;
  }

  /** Details of a response: protocol, address, timings, connection. Some are live until the body ends. */
  facts(response: Response): ExchangeFacts | undefined {
    return this.#facts.get(response);
  }

  /** The open connections. */
  connections(): readonly ConnectionFacts[] {
    return [...this.#origins.values()].flatMap((origin) =>
      origin.sessions().map((session) => ({
        origin: origin.dialer.origin,
        protocol: session.protocol,
        remoteAddress: session.remoteAddress,
        remotePort: session.remotePort,
        active: session.active,
        stats: session.stats(),
      })),
    );
  }

  /**
   * Waits for responses in progress, then closes all connections. Responses that have not ended after the timeout
   * (10 s) are aborted; an unread response never ends on its own.
   */
  async close({ timeout = DEFAULT_CLOSE_TIMEOUT }: CloseOptions = {}): Promise<void> {
    if (!(timeout >= 0)) {
      throw new ClientError("REQUEST_INVALID", `close: ${timeout} is not a valid timeout`, {
        hint: "give milliseconds",
      });
    }
    this.#closed = true;
    const origins = [...this.#origins.values()];
    const destroy = (error: Error): void => {
      for (const origin of origins) origin.destroy(error);
    };
    const cutOff = guard(
      "client close timeout",
      ({ error }) => destroy(error),
      () =>
        destroy(
          new ClientError("CLIENT_CLOSED", `the client was closed, and the response aborted ${timeout / 1000} s later`),
        ),
    );
    const closed = Promise.all(origins.map((origin) => origin.close()));
    const timer = timeout <= MAX_TIMER ? this.#clock.startTimer(cutOff, timeout) : undefined;
    try {
      await closed;
    } finally {
      this.#clock.stopTimer(timer);
    }
    await this.#settings.http3.close();
  }

  /** Closes all connections immediately; requests in progress fail. */
  async destroy(error: Error = new ClientError("CLIENT_CLOSED", "the client was closed")): Promise<void> {
    this.#closed = true;
    for (const origin of this.#origins.values()) origin.destroy(error);
    await this.#settings.http3.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #origin(url: URL): Origin {
    const known = this.#origins.get(url.origin);
    if (known !== undefined) return known;
    if (this.#origins.size >= MAX_ORIGINS) {
      for (const [name, origin] of this.#origins) if (origin.idle) this.#origins.delete(name);
    }
    const origin = new Origin(url, this.#settings, this.#alternatives);
    this.#origins.set(url.origin, origin);
    return origin;
  }
}

export function createClient(options: ClientOptions = {}): Client {
  return new Client(options);
}
