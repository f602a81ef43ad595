// The known origins of one client and its whole life: created on demand, closed together. createClient's fetch and
// nagare/undici's dispatcher both send through it.
import { Alternatives } from "../agent/index.ts";
import type { MigrateOptions } from "../host/client/client-sockets.ts";
import { ClientError } from "../host/client/errors.ts";
import type { Resolve } from "../host/client/resolve.ts";
import type { Protocol, SessionStats } from "../host/client/session.ts";
import { type HostClock, systemClock } from "../host/clock.ts";
import { guard } from "../host/guard.ts";
import { alternativesOf } from "./alt-svc-store.ts";
import { tunnelSockets } from "./connect-udp/sockets.ts";
import { type ClientOptions, type ClientSettings, settingsFrom } from "./options.ts";
import { Origin } from "./origin.ts";
import { PlanBTrials } from "./plan-b.ts";
import { Preconnects } from "./preconnects.ts";
import { SharedSessions } from "./shared-sessions.ts";

/** An open connection of a client. */
export interface ConnectionFacts {
  readonly origin: string;
  readonly protocol: Protocol;
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly active: number;
  readonly stats: SessionStats;
  /**
   * Moves the connection to another address of this machine, over HTTP/3. Rejects with MIGRATION_FAILED if that is
   * impossible; the connection then stays where it is.
   */
  readonly migrate: ((options?: MigrateOptions) => Promise<void>) | undefined;
}

/** How a client closes. */
export interface CloseOptions {
  /** Milliseconds that responses in progress may take; Infinity for no limit. */
  readonly timeout?: number;
}

/** Above this number, idle origins are forgotten. */
const MAX_ORIGINS = 256;

const DEFAULT_CLOSE_TIMEOUT = 10_000;
/** The maximum of Node's timers, in milliseconds. */
const MAX_TIMER = 2 ** 31 - 1;

export class ConnectionPool {
  readonly settings: ClientSettings;
  readonly #clock: HostClock;
  readonly #alternatives: Alternatives;
  readonly #origins = new Map<string, Origin>();
  readonly #shared: SharedSessions<Origin>;
  readonly #preconnects: Preconnects;
  /** Names of Alt-SvcB that are tried; experimental. */
  readonly trials: PlanBTrials | undefined;
  #closed = false;

  /** `clock` enables virtual time. `own` is for users within this package. */
  constructor(
    options: ClientOptions = {},
    clock: HostClock = systemClock,
    own: Pick<ClientSettings, "certificateHashes" | "http2Settings"> = {},
  ) {
    const through = tunnelSockets(options, clock, (inner) => new ConnectionPool(inner, clock));
    this.settings = { ...settingsFrom(options, clock, through), ...own };
    this.#clock = clock;
    this.#alternatives = options.altSvc === undefined ? new Alternatives() : alternativesOf(options.altSvc);
    const { planB, race } = this.settings;
    this.trials = planB && race && new PlanBTrials(this.settings, race, planB);
    this.#preconnects = new Preconnects((url) => this.origin(url), clock);
    this.#shared = new SharedSessions(this.settings, clock, () => this.#origins.values());
  }

  get closed(): boolean {
    return this.#closed;
  }

  /**
   * The connections for a URL's origin. With `address`, connections go to that host or address, and
   * certificates must still name the URL's host.
   */
  origin(url: URL, address?: string): Origin {
    const key = address === undefined ? url.origin : `${url.origin} at ${address}`;
    const known = this.#origins.get(key);
    if (known !== undefined) return known;
    if (this.#origins.size >= MAX_ORIGINS) {
      for (const [name, origin] of this.#origins) if (origin.idle) this.#origins.delete(name);
    }
    const { settings: base } = this;
    const resolve: Resolve = (_host, port) => base.addresses.findAll(address!, port, base.resolve);
    const settings = address === undefined ? base : { ...base, resolve };
    // A given address is not for others.
    const shared = address === undefined ? this.#shared : undefined;
    const preconnects = this.settings.preconnect ? this.#preconnects : undefined;
    const origin = new Origin(url, settings, this.#alternatives, shared, preconnects, this.trials);
    this.#origins.set(key, origin);
    return origin;
  }

  /** Opens a connection for the URL's origin unless there is one. */
  preconnect(url: URL): void {
    this.#preconnects.open(url);
  }

  networkChanged(): void {
    this.#alternatives.networkChanged();
    this.settings.race?.history.forget();
    this.settings.secureOrigins.forget();
    this.settings.planB?.forgetAll();
  }

  connections(): readonly ConnectionFacts[] {
    return [...this.#origins.values()].flatMap((origin) =>
      origin.ownSessions().map((session) => ({
        origin: origin.dialer.origin,
        protocol: session.protocol,
        remoteAddress: session.remoteAddress,
        remotePort: session.remotePort,
        active: session.active,
        stats: session.stats(),
        migrate: session.migrate?.bind(session),
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
    this.#preconnects.close();
    this.trials?.close(new ClientError("CLIENT_CLOSED", "the client was closed"));
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
    await this.settings.http3.close();
  }

  /** Closes all connections immediately; requests in progress fail. */
  async destroy(error: Error): Promise<void> {
    this.#closed = true;
    this.#preconnects.close();
    this.trials?.close(error);
    for (const origin of this.#origins.values()) origin.destroy(error);
    await this.settings.http3.close();
  }
}
