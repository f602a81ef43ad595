// One origin: its sessions, and the requests waiting for one. agent/connection-choice.ts decides which connections to
// open and when to give up; this file dials, keeps the sessions, and shares them between requests.
import { parseClearSiteData } from "../agent/cookies/clear-site-data.ts";
import { type Alternatives, type ChoiceCommand, ConnectionChoice, type Standing } from "../agent/index.ts";
import { type Micros, millis } from "../base/time.ts";
import { type Attempt, Dialer } from "../host/client/dialer.ts";
import { ClientError } from "../host/client/errors.ts";
import type { Field, Protocol, Session } from "../host/client/session.ts";
import type { HostClock } from "../host/clock.ts";
import { detach, type Fault, guard } from "../host/guard.ts";
import { MachineTimer } from "../host/machine-timer.ts";
import { type Alternative, combinedFieldValue } from "../http/index.ts";
import { type FrameTrials, frameNews } from "./frame-news.ts";
import type { ClientSettings } from "./options.ts";
import type { Preconnects } from "./preconnects.ts";
import type { SharedSession, SharedSessions } from "./shared-sessions.ts";
import type { Waiter } from "./waiter.ts";

interface Race {
  /** The session's silence when the race began. A failed race is repeated only after the silence has grown. */
  readonly silence: number;
  /** Another connection is wanted and none has succeeded yet. */
  isOn: boolean;
}

/** RFC 9111 §1.2.2: an age that is larger counts as this one. Seconds. */
const MAX_AGE = 2 ** 31;

export class Origin {
  readonly dialer: Dialer;
  readonly #alternatives: Alternatives;
  readonly #choice: ConnectionChoice;
  readonly #timer: MachineTimer;
  readonly #clock: HostClock;
  readonly #sessions = new Set<Session>();
  readonly #served = new WeakSet<Session>();
  /** Alternative services (RFC 7838) of sessions, unless it is the origin's own authority. */
  readonly #alternativeOf = new WeakMap<Session, Alternative>();
  readonly #misdirected = new WeakSet<Session>();
  /** Silent sessions with requests in progress; the client tries another connection in parallel. */
  readonly #races = new Map<Session, Race>();
  readonly #shared: SharedSessions<Origin> | undefined;
  readonly #preconnects: Preconnects | undefined;
  /** Sessions that other origins have opened. */
  readonly #borrowed = new Set<Session>();
  /** Origins that use sessions of this one. */
  readonly #borrowers = new Set<Origin>();
  /** True while connections of other origins are considered. */
  #isSearching = false;
  readonly #notesAltSvc: boolean;
  readonly #planB: ClientSettings["planB"];
  readonly #replacesSilent: boolean;
  readonly #headStart: Micros;
  readonly #waiting: Waiter[] = [];
  readonly #tcpAttempts = new Set<Attempt>();
  #http3Attempt: Attempt | undefined;
  /** The errors of the last attempts. */
  #tcpError: Error | undefined;
  #http3Error: Error | undefined;
  #isPumping = false;
  #isClosed = false;

  /** `shared` finds connections of other origins, `preconnects` opens some. */
  constructor(
    url: URL,
    settings: ClientSettings,
    alternatives: Alternatives,
    shared?: SharedSessions<Origin>,
    preconnects?: Preconnects,
    trials?: FrameTrials,
  ) {
    this.#preconnects = preconnects;
    const pump = guard("client pump", this.#handleFault, () => this.#pump());
    this.#notesAltSvc = settings.notesAltSvc;
    this.#planB = settings.planB;
    const onAltSvc = (origin: string, field: string): void => {
      if (this.#listensToAltSvc) this.#alternatives.advertised(origin, field, this.#clock.now());
    };
    this.dialer = new Dialer(url, settings, () => queueMicrotask(pump), {
      onAltSvc,
      ...frameNews(url, settings, trials, (event) => this.dialer.note(event)),
      onSecureOnly: (until) => settings.secureOrigins.note(url.origin, until),
      onServices: (info) => {
        if (info.kind !== "services" || url.protocol !== "https:") return;
        this.#preconnects?.handleHint(url.hostname, info.services[0]!.preconnectHint);
      },
    });
    this.#alternatives = alternatives;
    this.#shared = shared;
    this.#clock = settings.clock;
    this.#replacesSilent = settings.replaceSilent;
    const { origin, port, protocols } = this.dialer;
    const { maxConnections } = settings;
    const headStart = millis(settings.headStart);
    this.#headStart = headStart;
    const racesBoth = this.dialer.canRaceBoth;
    this.#choice = new ConnectionChoice(
      { origin, port, protocols, maxConnections, headStart, racesBoth },
      alternatives,
    );
    this.#timer = new MachineTimer(
      this.#handleFault,
      (now) => {
        this.#choice.handleTimeout(now);
        this.#pump();
      },
      settings.clock,
    );
  }

  /** Fails waiting requests after an exception. Sessions continue. */
  readonly #handleFault = ({ error }: Fault): void => {
    this.#isPumping = false;
    this.#failAll(error);
  };

  get idle(): boolean {
    return this.#sessions.size === 0 && this.#waiting.length === 0 && this.#choice.connecting === 0;
  }

  /** Those that this origin has opened. */
  ownSessions(): readonly Session[] {
    return [...this.#sessions].filter((session) => !this.#borrowed.has(session));
  }

  enqueue(waiter: Waiter): void {
    if (this.#isClosed) {
      waiter.fail(new ClientError("CLIENT_CLOSED", "the client is closed"));
      return;
    }
    this.#waiting.push(waiter);
    if (this.#search()) return;
    this.#connect();
  }

  #connect(): void {
    this.#choice.handleRequest(this.#standing(), this.#clock.now());
    this.#runCommands();
    this.#pump();
  }

  /** Looks for a connection of another origin before one is opened. Returns true while it looks. */
  #search(): boolean {
    if (this.#isSearching) return true;
    if (this.#shared === undefined || this.#choice.connecting > 0 || this.ownSessions().length > 0) return false;
    if ([...this.#borrowed].some((session) => session.usable && !this.#misdirected.has(session))) return false;
    const all = this.#shared.candidates(this.dialer);
    const candidates = all.filter(({ session }) => !this.#misdirected.has(session));
    if (candidates.length === 0) return false;
    this.#isSearching = true;
    const searched = this.#shared.choose(candidates, this.dialer).then((found) => {
      this.#isSearching = false;
      if (found !== undefined && !this.#isClosed) this.#borrow(found);
      if (this.#waiting.length > 0) this.#connect();
    });
    detach("client shared session", this.#handleFault, searched);
    return true;
  }

  #borrow({ session, owner }: SharedSession<Origin>): void {
    owner.#borrowers.add(this);
    this.#borrowed.add(session);
    this.#sessions.add(session);
    this.#whenClosed(session, () => {
      this.#borrowed.delete(session);
      if (this.#borrowed.size === 0) owner.#borrowers.delete(this);
    });
  }

  /** Removes a request that no longer needs a session. Stops connecting if none are left. */
  withdraw(waiter: Waiter): void {
    const index = this.#waiting.indexOf(waiter);
    if (index === -1) return;
    this.#waiting.splice(index, 1);
    if (this.#waiting.length === 0 && !this.#isRacing) this.#abandon();
  }

  /** The links of a response or a 103 that ask for connections. */
  handleLinks(page: URL, fields: readonly Field[]): void {
    this.#preconnects?.handleFields(page, fields);
  }

  /** The alternative services in a response. RFC 7838 §2.1, §6: from an authenticated origin, and never with 421. */
  altSvc(status: number, fields: readonly Field[], over: Protocol): void {
    if (!this.dialer.secure) return;
    const { origin } = this.dialer;
    const clearing = combinedFieldValue(fields, "clear-site-data");
    if (clearing !== undefined && parseClearSiteData(clearing).clears.includes("cookies"))
      this.#alternatives.forget(origin);
    const field = combinedFieldValue(fields, "alt-svc");
    if (field === undefined || status === 421 || !this.#listensToAltSvc) return;
    const age = combinedFieldValue(fields, "age") ?? "";
    const seconds = /^\d+$/.test(age) ? Math.min(Number(age), MAX_AGE) : 0;
    this.#alternatives.advertised(origin, field, this.#clock.now(), seconds, over);
  }

  /** draft-thomson-httpbis-alt-svcb-01: a client that has used HTTPS records successfully ignores Alt-Svc and ALTSVC. */
  get #listensToAltSvc(): boolean {
    return this.#notesAltSvc && !(this.#planB !== undefined && this.dialer.usesRecords);
  }

  /** The value of Alt-Used (RFC 7838 §5) for requests of a session; undefined if it is with the origin itself. */
  altUsed(session: Session): string | undefined {
    const alternative = this.#alternativeOf.get(session) ?? this.dialer.servedBy(session);
    if (alternative === undefined) return undefined;
    const host = alternative.host === "" ? this.dialer.host : alternative.host;
    return `${host.includes(":") ? `[${host}]` : host}:${alternative.port}`;
  }

  /**
   * A response with 421: the alternative is not authoritative, and gets no more requests (RFC 7838 §6), or another origin's
   * connection does not serve this one. Returns true if the request should go elsewhere (RFC 9110 §15.5.20).
   */
  misdirected(session: Session): boolean {
    if (this.#borrowed.has(session)) {
      this.#misdirected.add(session);
      return true;
    }
    if (this.dialer.servedBy(session) !== undefined) {
      this.#planB?.forget(this.dialer.origin);
      this.#misdirected.add(session);
      return true;
    }
    this.#forgetAlternative(session);
    return false;
  }

  #forgetAlternative(session: Session): void {
    const alternative = this.#alternativeOf.get(session);
    if (alternative === undefined) return;
    this.#alternatives.misdirected(this.dialer.origin, alternative);
    this.#misdirected.add(session);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#failAll(new ClientError("CLIENT_CLOSED", "the client was closed"));
    this.#abandon();
    await Promise.all(this.ownSessions().map((session) => session.close()));
  }

  destroy(error: Error): void {
    this.#isClosed = true;
    this.#failAll(error);
    this.#abandon();
    for (const session of this.ownSessions()) session.destroy(error);
  }

  #pump(): void {
    if (this.#isPumping || this.#isClosed) return; // a started request may end, and free its session, synchronously
    this.#isPumping = true;
    for (let session = this.#pick(); session !== undefined && this.#waiting.length > 0; session = this.#pick()) {
      const waiter = this.#waiting.shift()!;
      const reused = this.#served.has(session);
      if (waiter.isPreconnect !== true) this.#served.add(session);
      waiter.start(session, reused);
    }
    this.#isPumping = false;
    for (const origin of this.#borrowers) origin.#pump();
    if (this.#isSearching) return;
    this.#considerRaces();
    this.#choice.review(this.#standing(), this.#clock.now());
    this.#runCommands();
  }

  /** If another connection succeeds while this one is silent, the server has restarted or the path is blocked. */
  #considerRaces(): void {
    if (!this.#replacesSilent) return;
    for (const session of this.#sessions) {
      const { silence = 0 } = session;
      if (silence === 0 || session.active === 0) this.#races.delete(session);
      else if (silence > (this.#races.get(session)?.silence ?? 0)) this.#races.set(session, { silence, isOn: true });
    }
  }

  get #isRacing(): boolean {
    for (const { isOn } of this.#races.values()) if (isOn) return true;
    return false;
  }

  #endRaces(): void {
    for (const race of this.#races.values()) race.isOn = false;
  }

  /** Gives silent sessions a last probe. */
  #supersede(): void {
    for (const session of this.#sessions) if ((session.silence ?? 0) > 0) session.supersede?.();
  }

  #pick(): Session | undefined {
    let best: Session | undefined;
    for (const session of this.#sessions) {
      if (session.room === 0 || this.#misdirected.has(session)) continue;
      if (session.protocol === "h3") return session;
      best = session; // the newest HTTP/1.1 connection is the least likely to be closed by the server
    }
    return best;
  }

  #standing(): Standing {
    const standing = { waiting: this.#waiting.length, http3: 0, http2: 0, http1: 0 };
    // An older connection does not show that the server can be reached now, so a race needs another.
    if (standing.waiting === 0 && this.#isRacing) return { ...standing, waiting: 1 };
    for (const session of this.#sessions) {
      if (!session.usable || (session.silence ?? 0) > 0 || this.#misdirected.has(session)) continue;
      if (session.protocol === "h3") standing.http3 += 1;
      else if (session.protocol === "h2") standing.http2 += 1;
      else standing.http1 += 1;
    }
    return standing;
  }

  /** Runs the commands of the connection choice. */
  #runCommands(): void {
    const choice = this.#choice;
    for (let next = choice.pollCommand(); next !== undefined; next = choice.pollCommand()) this.#perform(next);
    this.#timer.set(choice.nextTimeout());
  }

  #perform(command: ChoiceCommand): void {
    switch (command.type) {
      case "connect-http3":
        this.#openHttp3(this.dialer.dialHttp3(command.alternative, this.#quicv()), command.alternative);
        break;
      case "connect-both":
        this.#openBoth(command.alternative, command.isAdvertised);
        break;
      case "connect-tcp":
        // Only fetch can go on at another origin.
        this.#openTcp(
          this.dialer.dialTcp(
            undefined,
            this.#waiting.every(({ isUpgradable }) => isUpgradable === true),
          ),
        );
        break;
      case "cancel-http3":
        this.#http3Attempt?.abort(unwanted());
        this.#http3Attempt = undefined;
        break;
      case "cancel-tcp":
        for (const attempt of this.#tcpAttempts) attempt.abort(unwanted());
        this.#tcpAttempts.clear();
        break;
      case "fail":
        this.#endRaces();
        this.#failAll(this.#reasonFor(command.because));
    }
  }

  /** The QUIC versions that were advertised for HTTP/3. */
  #quicv(): readonly number[] {
    const known = this.#alternatives.http3(this.dialer.origin, { host: "", port: this.dialer.port }, this.#clock.now());
    return known.kind === "advertised" ? known.quicv : [];
  }

  #openTcp(attempt: Attempt): void {
    this.#tcpAttempts.add(attempt);
    const dialled = attempt.session.then(
      (session) => {
        if (!this.#tcpAttempts.delete(attempt)) return discard(session);
        this.#choice.handleTcpConnected(this.#clock.now());
        this.#add(session);
      },
      (error: Error) => {
        if (!this.#tcpAttempts.delete(attempt)) return;
        this.#tcpError = error;
        this.#choice.handleTcpFailed(this.#standing());
        this.#runCommands();
      },
    );
    detach("client TCP dialled", this.#handleFault, dialled);
  }

  /** One race over QUIC and TCP. What it says about HTTP/3 may come before or after TCP's outcome. */
  #openBoth(alternative: Alternative, isAdvertised: boolean): void {
    const choice = this.#choice;
    const isWanted = (): boolean => this.#http3Attempt === attempt;
    const http3Failed = (error: Error): void => {
      this.#http3Attempt = undefined;
      this.#http3Error = error;
      choice.handleHttp3Failed(this.#standing(), this.#clock.now());
    };
    const place = isAdvertised ? { ...alternative, quicv: this.#quicv() } : undefined;
    const attempt = this.dialer.dialBoth(place, this.#headStart, (outcome) => {
      if (!isWanted()) {
        if (outcome.type === "late") discard(outcome.outcome);
        return;
      }
      if (outcome.type === "late") {
        this.#http3Attempt = undefined;
        this.#addHttp3(outcome.outcome, alternative);
        return;
      }
      if (outcome.type === "failed") http3Failed(outcome.error as Error);
      else {
        this.#http3Attempt = undefined;
        choice.handleHttp3Untried();
      }
      this.#pump();
    });
    this.#http3Attempt = attempt;
    this.#tcpAttempts.add(attempt);
    const dialled = attempt.session.then(
      (session) => {
        if (!this.#tcpAttempts.delete(attempt)) return discard(session);
        if (session.protocol === "h3") {
          this.#http3Attempt = undefined;
          this.#addHttp3(session, alternative);
          return;
        }
        choice.handleTcpConnected(this.#clock.now());
        this.#add(session);
      },
      (error: Error) => {
        if (!this.#tcpAttempts.delete(attempt)) return;
        if (isWanted()) http3Failed(error);
        this.#tcpError = error;
        choice.handleTcpFailed(this.#standing());
        this.#runCommands();
      },
    );
    detach("client dialled", this.#handleFault, dialled);
  }

  #addHttp3(session: Session, alternative: Alternative): void {
    if (alternative.host !== "" || alternative.port !== this.dialer.port) this.#alternativeOf.set(session, alternative);
    this.#choice.handleHttp3Connected();
    this.#add(session);
  }

  #openHttp3(attempt: Attempt, alternative: Alternative): void {
    this.#http3Attempt = attempt;
    const begun = attempt.started.then(() => {
      if (this.#http3Attempt !== attempt) return;
      this.#choice.handleHttp3Started(this.#clock.now());
      this.#runCommands();
    });
    detach("client HTTP/3 begun", this.#handleFault, begun);
    const dialled = attempt.session.then(
      (session) => {
        if (this.#http3Attempt !== attempt) return discard(session);
        this.#http3Attempt = undefined;
        this.#addHttp3(session, alternative);
      },
      (error: Error) => {
        if (this.#http3Attempt !== attempt) return;
        this.#http3Attempt = undefined;
        this.#http3Error = error;
        this.#choice.handleHttp3Failed(this.#standing(), this.#clock.now());
        this.#pump();
      },
    );
    detach("client HTTP/3 dialled", this.#handleFault, dialled);
  }

  #add(session: Session): void {
    this.#endRaces();
    this.#supersede();
    this.#sessions.add(session);
    this.#whenClosed(session, () => {
      this.#races.delete(session);
    });
    this.#runCommands();
    this.#pump();
  }

  #whenClosed(session: Session, forget: () => void): void {
    const gone = session.closed.then(() => {
      this.#sessions.delete(session);
      forget();
    });
    detach("client session closed", this.#handleFault, gone);
  }

  #reasonFor(because: "http3" | "tcp" | "no-protocol"): Error {
    const known = because === "http3" ? this.#http3Error : because === "tcp" ? this.#tcpError : undefined;
    if (known !== undefined) return known;
    const message = `cannot connect to ${this.dialer.origin}: http:// requires HTTP/1.1`;
    return new ClientError("PROTOCOL_UNAVAILABLE", message, { hint: "allow HTTP/1.1, or use https://" });
  }

  #failAll(error: Error): void {
    for (const waiter of this.#waiting.splice(0)) waiter.fail(error);
  }

  #abandon(): void {
    this.#choice.handleAbandoned();
    this.#runCommands();
  }
}

const unwanted = () => new ClientError("CLIENT_CLOSED", "the connection is no longer wanted");

/** Closes a session whose attempt was cancelled too late. */
function discard(session: Session): void {
  session.destroy(unwanted());
}
