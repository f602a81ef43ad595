// Drives agent/happy-eyeballs: looks names up, starts attempts that are promises, and aborts those that lose.
import {
  type AlternativePlace,
  type AttemptReport,
  type Endpoint,
  type NetworkHistory,
  Race,
  type RaceCommand,
  type RaceEvent,
  type RaceRules,
  type RecordKind,
  readServices,
  type ServiceInfo,
  type Transport,
} from "../../agent/index.ts";
import { after, type Instant, type Micros, seconds, since, toMillis } from "../../base/time.ts";
import { isSameName, RECORD_TYPES, type ResourceRecord } from "../../dns/index.ts";
import { ipVersion } from "../../wire/ip-address.ts";
import type { HostClock } from "../clock.ts";
import { detach, type Fault, guard } from "../guard.ts";
import { MachineTimer } from "../machine-timer.ts";
import { systemRng } from "../random.ts";
import { type AddressSource, isLocalhost, type Resolver } from "./addresses.ts";
import { ClientError } from "./errors.ts";
import { type LocalSource, noSourceFor } from "./local-source.ts";
import { notFound, type Resolve } from "./resolve.ts";
import { ownFamilies, ownPolicy, sourceTowards } from "./routes.ts";

/** The parameters of every race of a client. */
export interface RaceSettings extends Pick<RaceRules, "version" | "resolutionDelay" | "attemptDelay"> {
  /** Where addresses come from. */
  readonly addresses: AddressSource;
  /** Where connections leave this machine, if the system does not choose. */
  readonly local?: LocalSource | undefined;
  /** Asks for HTTPS records; undefined to do without. */
  readonly records: (() => Promise<Resolver>) | undefined;
  /** What earlier connections have shown about addresses. */
  readonly history: NetworkHistory;
}

/** A decision, and when it was made: milliseconds on the client's clock. */
export interface TimedDecision {
  readonly at: number;
  readonly event: RaceEvent;
}

export interface RaceOptions<Outcome> {
  readonly settings: RaceSettings;
  readonly host: string;
  readonly port: number;
  readonly transports: readonly Transport[];
  /** How long a transport is tried before the next one joins. By default, as long as between two attempts. */
  readonly headStart?: Micros | undefined;
  /** Where HTTP/3 was advertised. */
  readonly alternative?: AlternativePlace | undefined;
  /** All that the client supports, the best first, whatever the transports of this race. */
  readonly alpn: readonly string[];
  readonly resolve: Resolve | undefined;
  readonly signal: AbortSignal;
  readonly clock: HostClock;
  /** The signal aborts if the race is aborted, or if another endpoint was faster. `isPreferred` is true for the preferred target. */
  attempt(endpoint: Endpoint, signal: AbortSignal, onProgress: () => void, isPreferred: boolean): Promise<Outcome>;
  /** Disposes of an outcome that was too late. */
  discard(outcome: Outcome): void;
  onDecision(decision: TimedDecision): void;
  /** The target of a service to prefer among the records, whatever its priority. `onLost` is told if it is not there, or not reached. */
  readonly preferred?: { readonly target: string; onLost(): void } | undefined;
  /** Told what HTTPS records say. */
  onServices?(info: ServiceInfo): void;
  /**
   * For an http origin: its records name no endpoints, but may say that it is only reached over TLS (RFC 9460 §9.5). The race then
   * ends with this function's error, or, if it is over already, goes on as it was.
   */
  onSecureOnly?(until: Instant): Error;
  /**
   * Lets attempts over the first transport go on when another was faster, until the signal aborts. Called once, unless the
   * first transport wins: with what came of it, perhaps before the race has ended.
   */
  onPreferred?(preferred: PreferredOutcome<Outcome>): void;
  /** True for an error that no other address would change. By default: a certificate that was refused. */
  isFinal?(error: unknown): boolean;
  /** The error to reject with; without attempts, `why` says why there was none, and the error is that of the last lookup. By default, a `ClientError`. */
  failure?(attempts: readonly AttemptReport[], error: unknown, why: string): unknown;
}

/** What came of the first transport where another one won, or may win. */
export type PreferredOutcome<Outcome> =
  | { readonly type: "late"; readonly outcome: Outcome }
  | { readonly type: "failed"; readonly error: unknown }
  /** No endpoint has that transport. */
  | { readonly type: "untried" };

/** Resolves with the first connection. If all fail, rejects with an error that lists every attempt. */
export function race<Outcome>(options: RaceOptions<Outcome>): Promise<Outcome> {
  return new Promise((resolve, reject) => new RaceDriver(options, resolve, reject).start());
}

/** Seconds; a record that lasts longer is asked for again. */
const MAX_TTL = 86_400;

class RaceDriver<Outcome> {
  readonly #options: RaceOptions<Outcome>;
  readonly #machine: Race;
  readonly #timer: MachineTimer;
  readonly #attempts = new Map<number, AbortController>();
  readonly #outcomes = new Map<number, Outcome>();
  readonly #lookups = new AbortController();
  readonly #resolve: (outcome: Outcome) => void;
  readonly #reject: (error: unknown) => void;
  readonly #abort: () => void;
  /** The addresses that the user's own resolver gives, asked once. */
  #given: Promise<readonly string[] | undefined> | undefined;
  /** Why the last lookup found nothing. */
  #lookupError: unknown;
  readonly #sources = new Map<string, string | undefined>();
  /** The priority of the preferred target's record. */
  #targetPriority: number | undefined;
  #isSettled = false;
  #hasReportedPreferred = false;

  constructor(options: RaceOptions<Outcome>, resolve: (outcome: Outcome) => void, reject: (error: unknown) => void) {
    const { settings, host, port, transports, alpn, clock, headStart, alternative, resolve: given } = options;
    this.#options = options;
    this.#resolve = resolve;
    this.#reject = reject;
    this.#machine = new Race(
      {
        ...settings,
        host,
        port,
        transports,
        alpn,
        usesRecords: settings.records !== undefined && ipVersion(host) === undefined,
        isDnsProtected: settings.addresses.resolver?.isProtected === true,
        families: familiesOf(settings.local, given),
        policy: ownPolicy(),
        sourceOf: (address) =>
          settings.local?.address(ipVersion(address) ?? 4) ??
          (this.#sources.has(address) ? this.#sources.get(address) : address),
        historyOf: (address) => settings.history.of(address),
        headStart: headStart ?? settings.attemptDelay,
        keepsPreferred: options.onPreferred !== undefined,
        alternative,
        nat64: undefined,
        preferredCount: 1,
        rng: systemRng,
      },
      (event, now) => options.onDecision({ at: now / 1_000, event }),
    );
    this.#timer = new MachineTimer(
      this.#handleFault,
      (now) => {
        this.#machine.handleTimeout(now);
        this.#run();
      },
      clock,
    );
    this.#abort = guard("client race abort", this.#handleFault, () => {
      this.#machine.abort(this.#now());
      this.#run();
    });
  }

  start(): void {
    const { signal } = this.#options;
    if (signal.aborted) {
      this.#reject(signal.reason);
      return;
    }
    signal.addEventListener("abort", this.#abort, { once: true });
    this.#machine.start(this.#now());
    this.#run();
  }

  #now(): Instant {
    return this.#options.clock.now();
  }

  readonly #handleFault = ({ error }: Fault): void => {
    this.#timer.set(undefined);
    for (const each of this.#attempts.values()) each.abort(error);
    this.#settle(() => this.#reject(error));
  };

  #run(): void {
    const machine = this.#machine;
    for (let next = machine.pollCommand(); next !== undefined; next = machine.pollCommand()) this.#perform(next);
    this.#timer.set(machine.nextTimeout());
    this.#considerPreferred();
    const { outcome } = machine;
    if (outcome === undefined || this.#isSettled) return;
    this.#settle(() => {
      if (outcome.type === "connected") this.#resolve(this.#outcomes.get(outcome.attempt)!);
      else if (outcome.type === "aborted") this.#reject(this.#options.signal.reason);
      else this.#reject(this.#failure(outcome.why, outcome.attempts, outcome.error));
    });
  }

  /** Reports what came of the first transport. */
  #considerPreferred(): void {
    const { onPreferred, transports } = this.#options;
    const first = transports[0]!;
    const { outcome, failures } = this.#machine;
    if (onPreferred === undefined || this.#hasReportedPreferred || !this.#machine.isOver(first)) return;
    if (outcome?.type === "aborted" || (outcome?.type === "connected" && outcome.endpoint.transport === first)) return;
    const failure = failures.findLast(({ endpoint }) => endpoint.transport === first);
    if (failure === undefined && outcome === undefined) return;
    this.#hasReportedPreferred = true;
    const { signal } = this.#options;
    const error = signal.aborted ? signal.reason : failure?.error;
    onPreferred.call(this.#options, failure === undefined ? { type: "untried" } : { type: "failed", error });
  }

  #failure(why: string, attempts: readonly AttemptReport[], error: unknown): unknown {
    const { host, failure } = this.#options;
    if (failure !== undefined) return failure(attempts, attempts.length === 0 ? this.#lookupError : error, why);
    if (attempts.length > 0) return failureOf(this.#options, attempts, error);
    const { local } = this.#options.settings;
    if (local !== undefined) return noSourceFor(host, local);
    const cause = new Error(why);
    return this.#namesOtherProtocols
      ? new ClientError("PROTOCOL_UNAVAILABLE", `the HTTPS records of ${host} name other protocols`, { cause })
      : this.#lookupError instanceof ClientError
        ? this.#lookupError
        : notFound(host, this.#lookupError ?? cause);
  }

  /** True if there are HTTPS records, and none for a transport of this race. */
  get #namesOtherProtocols(): boolean {
    const info = this.#machine.serviceInfo;
    const isOurs = (each: string): boolean => this.#options.transports.includes(each === "h3" ? "quic" : "tcp");
    return info?.kind === "services" && !info.services.some(({ alpn }) => alpn.some(isOurs));
  }

  #settle(settle: () => void): void {
    if (this.#isSettled) return;
    this.#isSettled = true;
    // The caller may still end attempts that go on.
    if (this.#options.onPreferred === undefined) this.#options.signal.removeEventListener("abort", this.#abort);
    settle();
  }

  #perform(command: RaceCommand): void {
    switch (command.type) {
      case "query":
        detach("client race lookup", this.#handleFault, this.#query(command.record, command.name));
        return;
      case "start":
        this.#start(command.attempt, command.endpoint);
        return;
      case "cancel":
        this.#attempts.get(command.attempt)?.abort(new Error("another address was faster"));
        return;
      case "end-queries":
        this.#lookups.abort();
    }
  }

  async #query(record: RecordKind, name: string): Promise<void> {
    if (record === "HTTPS") {
      await this.#queryRecords(name);
    } else {
      // draft-ietf-happy-happyeyeballs-v3 §4.1: HTTPS records are asked for first. They leave in this turn of the event loop.
      if (this.#options.settings.records !== undefined)
        await new Promise<void>((resolve) => this.#options.clock.defer(resolve));
      const addresses = await this.#addresses(name, record === "AAAA" ? 6 : 4);
      this.#machine.handleAddresses(record, name, addresses, this.#now());
    }
    this.#run();
  }

  async #queryRecords(name: string): Promise<void> {
    const { settings, alpn, onSecureOnly, preferred } = this.#options;
    const { signal } = this.#lookups;
    const machine = this.#machine;
    try {
      const resolver = await settings.records!();
      const answer = await resolver.resolve(name, RECORD_TYPES.HTTPS.number, signal);
      if (answer.kind === "failed")
        machine.handleServiceFailure(name, answer.failures.at(-1) ?? "no server", this.#now());
      else {
        const records = answer.kind === "records" ? answer.records : [];
        const info = readServices(records, alpn, systemRng, preferred?.target);
        this.#considerTarget(info);
        if (onSecureOnly !== undefined) {
          this.#handleSecureOnly(name, info, records);
          return;
        }
        this.#options.onServices?.(info);
        machine.handleServices(name, info, this.#now());
      }
    } catch (error) {
      machine.handleServiceFailure(name, error instanceof Error ? error.message : String(error), this.#now());
    }
  }

  /** draft-thomson-httpbis-alt-svcb §4: without a record of the remembered service, it is forgotten. */
  #considerTarget(info: ServiceInfo): void {
    const { preferred } = this.#options;
    if (preferred === undefined || info.kind === "alias") return;
    const [best] = info.kind === "services" ? info.services : [];
    if (best !== undefined && isSameName(best.target, preferred.target)) {
      this.#targetPriority = best.priority;
      const event = { type: "plan-b:service", target: preferred.target, how: "preferred" } as const;
      this.#options.onDecision({ at: this.#now() / 1_000, event });
    } else preferred.onLost();
  }

  /** RFC 9460 §9.5: an alias or a compatible record counts; one that is broken, or made for others, leaves the origin to http. */
  #handleSecureOnly(name: string, info: ServiceInfo, records: readonly ResourceRecord[]): void {
    const now = this.#now();
    if (info.kind === "none") {
      this.#machine.handleServices(name, info, now);
      return;
    }
    const answer = info.kind === "alias" ? info.target : `${info.services.length} services`;
    this.#options.onDecision({ at: now / 1_000, event: { type: "race:answer", record: "HTTPS", name, answer } });
    const ttl = records.reduce((least, each) => Math.min(least, each.ttl), MAX_TTL);
    const error = this.#options.onSecureOnly!(after(now, seconds(ttl)));
    this.#settle(() => this.#reject(error));
    this.#machine.abort(now, error.message);
  }

  /** The addresses of one family: a failure is an absence, and never delays the other family. */
  async #addresses(name: string, family: 4 | 6): Promise<readonly string[]> {
    const { host, port, resolve, settings } = this.#options;
    const bare = name.replace(/\.$/, "");
    if (bare === host) {
      this.#given ??= Promise.resolve(resolve?.(host, port));
      const given = await this.#given;
      if (given !== undefined) return given.filter((each) => ipVersion(each) === family);
    }
    const addresses = await settings.addresses.find(bare, family).catch((error: unknown) => {
      // A failure of the name servers says more than the absence of one family.
      if (!isServerFailure(this.#lookupError)) this.#lookupError = error;
      return [];
    });
    if (!isLocalhost(bare) && settings.local === undefined) await this.#findSources(addresses);
    return addresses;
  }

  /** RFC 6724 §6 compares addresses with those from which packets to them would leave. */
  async #findSources(addresses: readonly string[]): Promise<void> {
    const found = await Promise.all(addresses.map(sourceTowards));
    for (const [i, address] of addresses.entries()) this.#sources.set(address, found[i]);
  }

  #start(attempt: number, endpoint: Endpoint): void {
    const controller = new AbortController();
    this.#attempts.set(attempt, controller);
    const onProgress = (): void => {
      this.#machine.handleProgress(attempt, this.#now());
      this.#run();
    };
    // A record of the same priority may be another's.
    const isPreferred = endpoint.priority !== undefined && endpoint.priority === this.#targetPriority;
    const tried = this.#options.attempt(endpoint, controller.signal, onProgress, isPreferred).then(
      (outcome) => {
        this.#attempts.delete(attempt);
        if (controller.signal.aborted) {
          this.#options.discard(outcome);
          return;
        }
        if (this.#isSettled) {
          this.#handleLate(attempt, outcome);
          return;
        }
        this.#outcomes.set(attempt, outcome);
        this.#machine.handleConnected(attempt, this.#now());
        this.#run();
      },
      (error: unknown) => {
        this.#attempts.delete(attempt);
        // Cancelled attempts say nothing. To forget is always safe.
        if (!controller.signal.aborted && isPreferred) this.#options.preferred?.onLost();
        // Another address of the same host would present the same certificate.
        const isFinal = (this.#options.isFinal ?? isAboutCertificate)(error);
        this.#machine.handleFailed(attempt, error, isFinal, this.#now());
        this.#run();
      },
    );
    detach("client race attempt", this.#handleFault, tried);
  }

  /** An attempt that was spared has connected. */
  #handleLate(attempt: number, outcome: Outcome): void {
    const { onPreferred, discard } = this.#options;
    if (this.#hasReportedPreferred || onPreferred === undefined) discard(outcome);
    else {
      this.#hasReportedPreferred = true;
      onPreferred.call(this.#options, { type: "late", outcome });
    }
    this.#machine.handleConnected(attempt, this.#now());
    this.#run();
  }
}

/** The caller's resolver knows its network; a local address only reaches its family. */
function familiesOf(local: LocalSource | undefined, given: Resolve | undefined): RaceRules["families"] {
  if (local !== undefined) return { ipv4: local.address(4) !== undefined, ipv6: local.address(6) !== undefined };
  return given === undefined ? ownFamilies() : { ipv4: true, ipv6: true };
}

const isServerFailure = (error: unknown): boolean =>
  error instanceof ClientError || (error as { code?: string } | undefined)?.code === "EAI_AGAIN";

const isAboutCertificate = (error: unknown): boolean =>
  error instanceof ClientError && error.code.startsWith("CERTIFICATE_");

/** A final error, the only one, or one that lists all. */
function failureOf<Outcome>(
  { host, port }: RaceOptions<Outcome>,
  attempts: readonly AttemptReport[],
  error: unknown,
): unknown {
  const hasReached = attempts.some((each) => each.isEstablished && each.error === error);
  if (attempts.length === 1 || hasReached || isAboutCertificate(error) || !(error instanceof ClientError)) return error;
  const list = attempts.map(({ endpoint, started, ended, error: cause }) => {
    const { address, port: at, transport } = endpoint;
    const message = cause instanceof Error ? cause.message : String(cause);
    return `${address} port ${at} over ${transport === "quic" ? "QUIC" : "TCP"}, after ${toMillis(since(started, ended))} ms: ${message}`;
  });
  const cause = new AggregateError(
    attempts.map((each) => each.error),
    list.join("; "),
  );
  return new ClientError(error.code, `cannot connect to ${host} port ${port}: ${list.join("; ")}`, {
    cause,
    ...(error.hint === undefined ? {} : { hint: error.hint }),
  });
}
