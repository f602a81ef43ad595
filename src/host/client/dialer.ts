// Opens sessions with one origin: looks up the host, connects with a timeout, and wraps the connection in a session.
import type { Transport } from "../../agent/index.ts";
import type { Alternative } from "../../http/index.ts";
import type { SettingValues } from "../../webtransport/h2/settings.ts";
import type { Identity } from "../certificates/identity.ts";
import { type HostClock, millisNow } from "../clock.ts";
import { detach, guard } from "../guard.ts";
import { noLimit, Timer } from "../timer.ts";
import { asClientError, ClientError } from "./errors.ts";
import { Http1Session } from "./http1.ts";
import { Http2Session } from "./http2.ts";
import type { Http3Connector } from "./http3.ts";
import { type RaceSettings, race, type TimedDecision } from "./race.ts";
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
  /** SHA-256 of certificates, one of which a server must have, instead of one that an authority issued. */
  readonly certificateHashes?: readonly Uint8Array[] | undefined;
  /** HTTP/2: settings beyond RFC 9113 to announce for WebTransport. */
  readonly http2Settings?: SettingValues | undefined;
  readonly earlyData: boolean;
  readonly keylog: ((line: string) => void) | undefined;
  readonly resolve: Resolve | undefined;
  readonly connectTimeout: number;
  readonly idleTimeout: number | undefined;
  readonly http3: Http3Connector;
  readonly clock: HostClock;
  /** Connects to this UNIX domain socket instead of the origin's host and port. */
  readonly path?: string | undefined;
  /** Speaks HTTP/2 with `http` origins, with prior knowledge (RFC 9113 §3.3). */
  readonly cleartextHttp2?: boolean | undefined;
  /** True if a proxy looks names up: a host is then passed on as the only "address". */
  readonly namesAreRemote?: boolean | undefined;
  /** Sends PRIORITY_UPDATE frames over HTTP/2 and TLS. */
  readonly http2PriorityUpdate?: boolean | undefined;
  /** Races addresses as answers arrive, instead of waiting for all of them. */
  readonly race?: RaceSettings | undefined;
}

/** One attempt to connect. `started` resolves when the lookup is done and packets are about to be sent. */
export interface Attempt {
  readonly session: Promise<Session>;
  readonly started: Promise<void>;
  abort(reason: Error): void;
}

/** Of an origin; a race makes about twenty. */
const MAX_DECISIONS = 200;

export class Dialer {
  readonly origin: string;
  readonly secure: boolean;
  /** Without the brackets of an IPv6 literal. */
  readonly host: string;
  readonly port: number;
  /** What the last races decided and why, the oldest first. */
  readonly decisions: TimedDecision[] = [];
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
    const { protocols, cleartextHttp2 } = this.#settings;
    if (this.secure) return protocols;
    return cleartextHttp2 === true ? ["h2"] : protocols.filter((each) => each === "http/1.1");
  }

  /** Sends `preface` before anything else. */
  dialTcp(preface?: Uint8Array): Attempt {
    const { idleTimeout, http2PriorityUpdate, http2Settings } = this.#settings;
    return this.#dial(this.host, this.port, "tcp", undefined, async (options) => {
      const connection = await connectTcp({
        ...options,
        secure: this.secure,
        preface,
        protocols: this.protocols.filter((each): each is TcpProtocol => each !== "h3"),
      });
      return connection.protocol === "h2"
        ? new Http2Session(connection, {
            origin: this.origin,
            idleTimeout: idleTimeout ?? 60_000,
            sendsUpdates: http2PriorityUpdate === true && this.secure,
            settings: http2Settings,
            onChange: this.#onChange,
          })
        : new Http1Session(connection, this.origin, this.host, idleTimeout ?? 4_000, this.#onChange);
    });
  }

  dialHttp3(alternative: Alternative): Attempt {
    const connector = this.#settings.http3;
    const host = alternative.host === "" ? this.host : alternative.host;
    return this.#dial(host, alternative.port, "quic", connector.ready, async (options) => {
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

  async #addresses(host: string, port: number): Promise<readonly ResolvedAddress[]> {
    const { path, namesAreRemote, resolve } = this.#settings;
    if (path !== undefined) return [];
    if (namesAreRemote === true) return [{ address: host, family: host.includes(":") ? 6 : 4 }];
    return resolveHost(host, port, resolve);
  }

  #remember(decision: TimedDecision): void {
    if (this.decisions.length === MAX_DECISIONS) this.decisions.shift();
    this.decisions.push(decision);
  }

  #dial(
    host: string,
    port: number,
    transport: Transport,
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
            `could not connect to ${host} port ${port}${transport === "quic" ? " over QUIC (UDP)" : ""} within ${seconds} s`,
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
        const open = (addresses: readonly ResolvedAddress[], at: number, lookupEnd: number, abort: AbortSignal) =>
          connect({
            servername: this.host,
            port: at,
            addresses,
            path: settings.path,
            lookupStart,
            lookupEnd,
            connectTimeout: settings.connectTimeout,
            ca: settings.ca,
            identity: settings.identity,
            rejectUnauthorized: settings.rejectUnauthorized,
            certificateHashes: settings.certificateHashes,
            earlyData: settings.earlyData,
            keylog: settings.keylog,
            signal: abort,
            onChange: this.#onChange,
          });
        if (settings.race !== undefined) {
          await ready?.();
          let lookupEnd: number | undefined;
          return await race({
            settings: settings.race,
            host,
            port,
            transports: [transport],
            alpn: this.protocols,
            resolve: settings.resolve,
            signal,
            clock,
            attempt: ({ address, family, port: at }, abort) => {
              lookupEnd ??= millisNow(clock);
              start();
              return open([{ address, family }], at, lookupEnd, abort);
            },
            discard: (late) => late.destroy(new ClientError("CLIENT_CLOSED", "another address was faster")),
            onDecision: (decision) => this.#remember(decision),
          });
        }
        const addresses = await abortable(this.#addresses(host, port), signal);
        const lookupEnd = millisNow(clock);
        await ready?.();
        start();
        return await open(addresses, port, lookupEnd, signal);
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
