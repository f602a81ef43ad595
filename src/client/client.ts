/// <reference lib="esnext.disposable" preserve="true" />
// createClient: one set of options, one memory of origins, one fetch.
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

/** Unused origins are forgotten beyond this many. */
const MAX_ORIGINS = 256;

const DEFAULT_CLOSE_TIMEOUT = 10_000;
/** A timer of Node takes no more. */
const MAX_TIMER = 2 ** 31 - 1;

interface CloseOptions {
  /** Milliseconds that responses under way have left; Infinity waits for them however long they take. */
  readonly timeout?: number;
}

export class Client {
  readonly #settings: ClientSettings;
  readonly #clock: HostClock;
  readonly #alternatives = new Alternatives();
  readonly #origins = new Map<string, Origin>();
  readonly #facts = new WeakMap<Response, ExchangeFacts>();
  #closed = false;

  /** `clock` is for virtual time. */
  constructor(options: ClientOptions = {}, clock: HostClock = systemClock) {
    this.#settings = settingsFrom(options, clock);
    this.#clock = clock;
  }

  /** As the Fetch standard says, over the best protocol that the origin and the options allow. Rejects with a ClientError. */
  async fetch(input: string | URL | Request, init: FetchInit = {}): Promise<Response> {
    if (this.#closed) throw new ClientError("CLIENT_CLOSED", "the client is closed");
    const { response, facts } = await fetchWith((url) => this.#origin(url), this.#settings, input, init);
    this.#facts.set(response, facts);
    return response;
  }

  /** How a response of this client came: protocol, address, times, connection. Some of it is live until the body ends. */
  facts(response: Response): ExchangeFacts | undefined {
    return this.#facts.get(response);
  }

  /** The connections that are open now. */
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
   * Lets responses that are still coming end, then closes every connection. What has not ended after the timeout (10 s)
   * is cut off; a response that nobody reads never ends by itself.
   */
  async close({ timeout = DEFAULT_CLOSE_TIMEOUT }: CloseOptions = {}): Promise<void> {
    if (!(timeout >= 0)) {
      throw new ClientError("REQUEST_INVALID", `close: ${timeout} is no timeout`, { hint: "give milliseconds" });
    }
    this.#closed = true;
    const origins = [...this.#origins.values()];
    const destroy = (error: Error): void => {
      for (const origin of origins) origin.destroy(error);
    };
    const cutOff = guard(
      "client close timeout",
      ({ error }) => destroy(error),
      () => destroy(new ClientError("CLIENT_CLOSED", `the client was closed, and cut off ${timeout / 1000} s later`)),
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

  /** Closes every connection now; whatever is in progress fails. */
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
