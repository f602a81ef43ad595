// Opens sessions with one origin: looks up the host, connects with a timeout, and wraps the connection in a session.
import type { Alternative } from "../../http/index.ts";
import type { Identity } from "../certificates/identity.ts";
import { type HostClock, millisNow } from "../clock.ts";
import { detach, guard } from "../guard.ts";
import { noLimit, Timer } from "../timer.ts";
import { asClientError, ClientError } from "./errors.ts";
import { Http1Session } from "./http1.ts";
import { Http2Session } from "./http2.ts";
import type { Http3Connector } from "./http3.ts";
import { type Resolve, resolveHost } from "./resolve.ts";
import type { DialOptions, Protocol, ResolvedAddress, Session } from "./session.ts";
import { connectTcp } from "./tcp.ts";

type TcpProtocol = Exclude<Protocol, "h3">;

/** Durations are in milliseconds. */
export interface DialerSettings {
  readonly protocols: readonly Protocol[];
  readonly ca: readonly string[] | undefined;
  readonly identity?: Identity | undefined;
  readonly rejectUnauthorized: boolean;
  readonly earlyData: boolean;
  readonly keylog: ((line: string) => void) | undefined;
  readonly resolve: Resolve | undefined;
  readonly connectTimeout: number;
  readonly idleTimeout: number | undefined;
  readonly http3: Http3Connector;
  readonly clock: HostClock;
}

/** One attempt to connect. `started` resolves when the lookup is done and packets are about to be sent. */
export interface Attempt {
  readonly session: Promise<Session>;
  readonly started: Promise<void>;
  abort(reason: Error): void;
}

export class Dialer {
  readonly origin: string;
  readonly secure: boolean;
  /** Without the brackets of an IPv6 literal. */
  readonly host: string;
  readonly port: number;
  readonly #settings: DialerSettings;
  readonly #onChange: () => void;

  constructor(url: URL, settings: DialerSettings, onChange: () => void) {
    this.origin = url.origin;
    this.secure = url.protocol === "https:";
    this.host = url.hostname.replace(/^\[(.*)\]$/, "$1");
    this.port = url.port === "" ? (this.secure ? 443 : 80) : Number(url.port);
    this.#settings = settings;
    this.#onChange = onChange;
  }

  /** The protocols allowed with this origin, the preferred one first. */
  get protocols(): readonly Protocol[] {
    const { protocols } = this.#settings;
    return this.secure ? protocols : protocols.filter((each) => each === "http/1.1");
  }

  dialTcp(): Attempt {
    const { idleTimeout } = this.#settings;
    return this.#dial(this.host, this.port, "", undefined, async (options) => {
      const connection = await connectTcp({
        ...options,
        secure: this.secure,
        protocols: this.protocols.filter((each): each is TcpProtocol => each !== "h3"),
      });
      return connection.protocol === "h2"
        ? new Http2Session(connection, this.origin, idleTimeout ?? 60_000, this.#onChange)
        : new Http1Session(connection, this.origin, this.host, idleTimeout ?? 4_000, this.#onChange);
    });
  }

  dialHttp3(alternative: Alternative): Attempt {
    const connector = this.#settings.http3;
    const host = alternative.host === "" ? this.host : alternative.host;
    return this.#dial(host, alternative.port, " over QUIC (UDP)", connector.ready, async (options) => {
      try {
        return await connector.connect(this.origin, options);
      } catch (error) {
        throw asClientError(
          error,
          "CONNECTION_FAILED",
          `cannot connect over HTTP/3 to ${host} port ${alternative.port}`,
        );
      }
    });
  }

  #dial(
    host: string,
    port: number,
    transport: string,
    ready: (() => Promise<unknown>) | undefined,
    connect: (options: DialOptions) => Promise<Session>,
  ): Attempt {
    const settings = this.#settings;
    const controller = new AbortController();
    const { signal } = controller;
    const onTimeout = guard(
      "client connect timeout",
      (fault) => controller.abort(fault.error),
      () => {
        const seconds = settings.connectTimeout / 1000;
        controller.abort(
          new ClientError(
            "CONNECT_TIMEOUT",
            `could not connect to ${host} port ${port}${transport} within ${seconds} s`,
          ),
        );
      },
    );
    const { clock } = settings;
    const timer = new Timer(onTimeout, noLimit(settings.connectTimeout), clock);
    let start = () => {};
    const started = new Promise<void>((resolve) => {
      start = resolve;
    });
    const run = async () => {
      try {
        ready?.().catch(() => {}); // loads during the lookup; a failure surfaces below
        const lookupStart = millisNow(clock);
        const addresses: readonly ResolvedAddress[] = await abortable(
          resolveHost(host, port, settings.resolve),
          signal,
        );
        const lookupEnd = millisNow(clock);
        await ready?.();
        start();
        return await connect({
          servername: this.host,
          port,
          addresses,
          lookupStart,
          lookupEnd,
          connectTimeout: settings.connectTimeout,
          ca: settings.ca,
          identity: settings.identity,
          rejectUnauthorized: settings.rejectUnauthorized,
          earlyData: settings.earlyData,
          keylog: settings.keylog,
          signal,
          onChange: this.#onChange,
        });
      } finally {
        start();
        timer.clear();
      }
    };
    return { session: run(), started, abort: (reason) => controller.abort(reason) };
  }
}

function abortable<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = guard(
      "client dial abort",
      (fault) => reject(fault.error),
      () => reject(signal.reason),
    );
    if (signal.aborted) return abort();
    signal.addEventListener("abort", abort, { once: true });
    const settled = promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", abort));
    detach("client lookup", ({ error }) => reject(error), settled);
  });
}
