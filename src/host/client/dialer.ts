// Opens sessions with one origin: looks up the host, connects with a timeout, and wraps the connection in a session.
import type { AlternativePlace, PlanB, ServiceInfo, Transport } from "../../agent/index.ts";
import type { Instant, Micros } from "../../base/time.ts";
import type { Alternative } from "../../http/index.ts";
import type { SettingValues } from "../../webtransport/h2/settings.ts";
import type { Identity } from "../certificates/identity.ts";
import { type HostClock, millisNow } from "../clock.ts";
import { detach, guard } from "../guard.ts";
import { noLimit, Timer } from "../timer.ts";
import { asClientError, ClientError, SecureOnlyError } from "./errors.ts";
import { Http1Session } from "./http1.ts";
import { Http2Session } from "./http2.ts";
import type { Http3Connector } from "./http3.ts";
import { type PreferredOutcome, type RaceSettings, race, type TimedDecision } from "./race.ts";
import { type Resolve, resolveHost } from "./resolve.ts";
import { type ServerFrameNews, ServerFrames } from "./server-frames.ts";
import type { DialOptions, Protocol, ResolvedAddress, Session } from "./session.ts";
import { connectTcp } from "./tcp.ts";

type TcpProtocol = Exclude<Protocol, "h3">;

/** The host and port to connect to instead of those of a URL; undefined for these. */
export type ConnectTo = (host: string, port: number) => { readonly host: string; readonly port: number } | undefined;

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
  /** Another place to connect to for a host and port; undefined to go there. The certificate is still that of the URL's host. */
  readonly connectTo?: ConnectTo | undefined;
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
  /** The services that origins have named, and that worked (draft-thomson-httpbis-alt-svcb). */
  readonly planB?: Pick<PlanB, "service" | "forget"> | undefined;
}

/** One attempt to connect. `started` resolves when the lookup is done and packets are about to be sent. */
export interface Attempt {
  readonly session: Promise<Session>;
  readonly started: Promise<void>;
  abort(reason: Error): void;
}

/** What a dialer learns beside connecting. */
export interface DialerNews extends ServerFrameNews {
  /** Told what ALTSVC frames of HTTP/2 say about the origin. */
  readonly onAltSvc?: (origin: string, field: string) => void;
  /** Told what the host's HTTPS records say. */
  readonly onServices?: (info: ServiceInfo) => void;
  /** Told until when an http origin is only reached over TLS. */
  readonly onSecureOnly?: (until: Instant) => void;
}

/** What to connect to, and how. */
interface DialPlan {
  readonly host: string;
  readonly port: number;
  /** The preferred one first. Without a race, only the first is used. */
  readonly transports: readonly Transport[];
  readonly headStart?: Micros;
  readonly alternative?: AlternativePlace | undefined;
  readonly onHttp3?: (outcome: PreferredOutcome<Session>) => void;
  readonly obeysRecords?: boolean;
  connect(transport: Transport, options: DialOptions): Promise<Session>;
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
  readonly #news: DialerNews;
  readonly #frames: ServerFrames | undefined;
  /** The names of services by HTTPS records, of sessions that were opened because the origin named them (Plan B). */
  readonly #servedBy = new WeakMap<Session, AlternativePlace>();
  #usesRecords = false;

  constructor(url: URL, settings: DialerSettings, onChange: () => void, news: DialerNews = {}) {
    this.#news = news;
    this.origin = url.origin;
    this.secure = url.protocol === "https:";
    this.host = url.hostname.replace(/^\[(.*)\]$/, "$1");
    this.port = url.port === "" ? (this.secure ? 443 : 80) : Number(url.port);
    this.#frames = this.secure ? new ServerFrames(url.origin, news) : undefined;
    this.#settings = settings;
    this.#onChange = onChange;
  }

  /** True once HTTPS records have led to a connection. */
  get usesRecords(): boolean {
    return this.#usesRecords;
  }

  /** The service of Plan B that a session is with. */
  servedBy(session: Session): Pick<AlternativePlace, "host" | "port"> | undefined {
    return this.#servedBy.get(session);
  }

  /** The protocols allowed with this origin, the preferred one first. */
  get protocols(): readonly Protocol[] {
    const { protocols, cleartextHttp2 } = this.#settings;
    if (this.secure) return protocols;
    return cleartextHttp2 === true ? ["h2"] : protocols.filter((each) => each === "http/1.1");
  }

  /**
   * Sends `preface` before anything else. With `obeysRecords`, the attempt for an http origin fails with a `SecureOnlyError` if HTTPS
   * records ask for TLS; without it, they are not asked for.
   */
  dialTcp(preface?: Uint8Array, obeysRecords = false): Attempt {
    return this.#dial({
      ...this.#place,
      transports: ["tcp"],
      obeysRecords,
      connect: (_transport, options) => this.#tcp(options, preface),
    });
  }

  /** `quicv` are the versions of QUIC that the alternative speaks, if that is known. */
  dialHttp3(alternative: Alternative, quicv: readonly number[] = []): Attempt {
    const isOwn = alternative.host === "" && alternative.port === this.port;
    const { host, port } = isOwn ? this.#place : { ...alternative, host: alternative.host || this.#place.host };
    return this.#dial({
      host,
      port,
      transports: ["quic"],
      connect: (_transport, options) =>
        this.#http3(host, options.quicVersions?.length ? options : { ...options, quicVersions: quicv }),
    });
  }

  /** Where the origin is. */
  get #place(): { readonly host: string; readonly port: number } {
    const { host, port } = this;
    return this.#settings.connectTo?.(host, port) ?? { host, port };
  }

  /** True if `dialBoth` is possible. */
  get canRaceBoth(): boolean {
    return this.#race !== undefined;
  }

  /**
   * One race over QUIC and TCP, in which QUIC has a head start. `onHttp3` is told what came of HTTP/3 if TCP is, or may be,
   * faster. The alternative is where HTTP/3 was advertised.
   */
  dialBoth(
    alternative: AlternativePlace | undefined,
    headStart: Micros,
    onHttp3: (outcome: PreferredOutcome<Session>) => void,
  ): Attempt {
    const { host, port } = this.#place;
    return this.#dial({
      host,
      port,
      transports: ["quic", "tcp"],
      headStart,
      alternative,
      onHttp3,
      connect: (transport, options) =>
        transport === "tcp" ? this.#tcp(options) : this.#http3(alternative?.host || host, options),
    });
  }

  async #tcp(options: DialOptions, preface?: Uint8Array): Promise<Session> {
    const { idleTimeout, http2PriorityUpdate, http2Settings } = this.#settings;
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
          onAltSvc: this.#news.onAltSvc,
          serverFrames: options.serverFrames,
        })
      : new Http1Session(connection, this.origin, this.host, idleTimeout ?? 4_000, this.#onChange);
  }

  async #http3(host: string, options: DialOptions): Promise<Session> {
    try {
      return await this.#settings.http3.connect(this.origin, options);
    } catch (error) {
      const what = `cannot connect over HTTP/3 to ${host} port ${options.port}`;
      throw asClientError(error, "CONNECTION_FAILED", what);
    }
  }

  /** Undefined where a proxy looks names up, and for a UNIX domain socket: there is nothing to race. */
  get #race(): RaceSettings | undefined {
    const { race: settings, path, namesAreRemote } = this.#settings;
    return path === undefined && namesAreRemote !== true ? settings : undefined;
  }

  async #addresses(host: string, port: number): Promise<readonly ResolvedAddress[]> {
    const { path, namesAreRemote, resolve } = this.#settings;
    if (path !== undefined) return [];
    if (namesAreRemote === true) return [{ address: host, family: host.includes(":") ? 6 : 4 }];
    return resolveHost(host, port, resolve);
  }

  /** Notes what happened beside a race. */
  note(event: TimedDecision["event"]): void {
    this.#remember({ at: millisNow(this.#settings.clock), event });
  }

  #remember(decision: TimedDecision): void {
    if (this.decisions.length === MAX_DECISIONS) this.decisions.shift();
    this.decisions.push(decision);
  }

  #lost(target: string): void {
    if (this.#settings.planB?.service(this.origin) !== target) return;
    this.#settings.planB.forget(this.origin);
    this.note({ type: "plan-b:service", target, how: "forgotten" });
  }

  #dial(plan: DialPlan): Attempt {
    const settings = this.#settings;
    const { clock } = settings;
    const { host, port, transports } = plan;
    const controller = new AbortController();
    const { signal } = controller;
    const onTimeout = guard(
      "client connect timeout",
      (fault) => controller.abort(fault.error),
      () => {
        const seconds = settings.connectTimeout / 1000;
        const where = `${host} port ${port}${transports.includes("tcp") ? "" : " over QUIC (UDP)"}`;
        controller.abort(new ClientError("CONNECT_TIMEOUT", `could not connect to ${where} within ${seconds} s`));
      },
    );
    const timer = new Timer(onTimeout, noLimit(settings.connectTimeout), clock);
    let start = () => {};
    const started = new Promise<void>((resolve) => {
      start = resolve;
    });
    const ready = transports.includes("quic") ? settings.http3.ready : undefined;
    const lookupStart = millisNow(clock);
    const open = (
      transport: Transport,
      more: Pick<DialOptions, "addresses" | "port" | "lookupEnd" | "quicVersions" | "signal" | "onProgress">,
    ): Promise<Session> => {
      start();
      const [only] = more.addresses;
      return plan.connect(transport, {
        servername: this.host,
        localAddress: only && this.#race?.local?.address(only.family),
        path: settings.path,
        lookupStart,
        connectTimeout: settings.connectTimeout,
        ca: settings.ca,
        identity: settings.identity,
        rejectUnauthorized: settings.rejectUnauthorized,
        certificateHashes: settings.certificateHashes,
        earlyData: settings.earlyData,
        keylog: settings.keylog,
        serverFrames: this.#frames,
        onChange: this.#onChange,
        ...more,
      });
    };
    let isOver = false;
    let isLingering = false;
    /** Otherwise no attempt over QUIC is left to go on. */
    let hasWonOverTcp = false;
    const run = async () => {
      try {
        ready?.().catch(() => {}); // loads during the lookup; a failure surfaces below
        const racing = this.#race;
        if (racing !== undefined) {
          await ready?.();
          const session = await this.#raceFor(plan, racing, signal, open, (lingers) => {
            isLingering = lingers;
            if (isOver && !lingers) timer.clear();
          });
          hasWonOverTcp = session.protocol !== "h3";
          return session;
        }
        const addresses = await abortable(this.#addresses(host, port), signal);
        const lookupEnd = millisNow(clock);
        await ready?.();
        return await open(transports[0]!, { addresses, port, lookupEnd, signal });
      } finally {
        start();
        isOver = true;
        if (!isLingering || !hasWonOverTcp) timer.clear();
      }
    };
    return { session: run(), started, abort: (reason) => controller.abort(reason) };
  }

  /** `onLingering` is told whether attempts over QUIC go on after the race. */
  #raceFor(
    { host, port, transports, headStart, alternative, onHttp3, obeysRecords }: DialPlan,
    settings: RaceSettings,
    signal: AbortSignal,
    open: (
      transport: Transport,
      more: Pick<DialOptions, "addresses" | "port" | "lookupEnd" | "quicVersions" | "signal" | "onProgress">,
    ) => Promise<Session>,
    onLingering: (isLingering: boolean) => void,
  ): Promise<Session> {
    const { clock, resolve, protocols, planB } = this.#settings;
    const target = this.secure ? planB?.service(this.origin) : undefined;
    const { onServices, onSecureOnly } = this.#news;
    // RFC 9460 §9.5: records are about https. Where the client was told to go elsewhere, they are about another place.
    const asksRecords = this.secure || (obeysRecords === true && onSecureOnly !== undefined && host === this.host);
    let lookupEnd: number | undefined;
    onLingering(onHttp3 !== undefined);
    return race<Session>({
      settings: asksRecords ? settings : { ...settings, records: undefined },
      host,
      port,
      transports,
      headStart,
      alternative,
      preferred: target === undefined ? undefined : { target, onLost: () => this.#lost(target) },
      alpn: this.secure ? this.protocols : protocols,
      resolve,
      signal,
      clock,
      attempt: (
        { address, family, port: at, transport, quicv: quicVersions, priority },
        abort,
        onProgress,
        isPreferred,
      ) => {
        lookupEnd ??= millisNow(clock);
        const addresses = [{ address, family }] as const;
        return open(transport, { addresses, port: at, lookupEnd, quicVersions, signal: abort, onProgress }).then(
          (session) => {
            settings.history.record(address, session.stats().rtt);
            if (priority !== undefined) this.#usesRecords = true;
            if (isPreferred && target !== undefined) {
              this.#servedBy.set(session, { host: target.replace(/\.$/, ""), port: at, quicv: [] });
            }
            return session;
          },
        );
      },
      discard: (late) => late.destroy(new ClientError("CLIENT_CLOSED", "another address was faster")),
      onDecision: (decision) => this.#remember(decision),
      ...(onServices === undefined ? {} : { onServices }),
      ...(this.secure || onSecureOnly === undefined
        ? {}
        : {
            onSecureOnly: (until) => {
              onSecureOnly(until);
              return new SecureOnlyError(this.origin);
            },
          }),
      ...(onHttp3 === undefined
        ? {}
        : {
            onPreferred: (outcome) => {
              onLingering(false);
              onHttp3(outcome);
            },
          }),
    });
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
