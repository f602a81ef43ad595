/**
 * Happy Eyeballs as a machine: version 2 (RFC 8305) and version 3 (draft-ietf-happy-happyeyeballs-v3). It asks for records
 * and addresses, waits for the better ones no longer than the Resolution Delay, and starts attempts one after the other,
 * each when the Connection Attempt Delay has passed or the one before has failed. Each transport has its own order and delay;
 * the second begins when the first has had a head start or has nothing left. No attempt ends another before one succeeds.
 *
 * Calling order: `start`, then answers, outcomes and timeouts as they happen; after each, drain `pollCommand`, check
 * `outcome`, and ask `nextTimeout`, also after the outcome: late answers are welcome for a second.
 */

import { after, earliest, type Instant, type Micros, since, toMillis } from "../../base/time.ts";
import type { RaceTrace } from "./events.ts";
import { Lane } from "./lane.ts";
import { type Question, Resolution } from "./resolution.ts";
import {
  attemptDelay,
  type Endpoint,
  endpointKey,
  LAST_RESORT_DELAY,
  LATE_ANSWERS,
  MAX_ATTEMPT_DELAY,
  type RaceRules,
  type Transport,
} from "./rules.ts";
import type { ServiceInfo } from "./services.ts";

export type RaceCommand =
  | ({ readonly type: "query" } & Question)
  | { readonly type: "start"; readonly attempt: number; readonly endpoint: Endpoint }
  /** Ends an attempt that is no longer wanted. */
  | { readonly type: "cancel"; readonly attempt: number }
  /** Answers are no longer wanted. */
  | { readonly type: "end-queries" };

/** One attempt, as an error shows it. */
export interface AttemptReport {
  readonly attempt: number;
  readonly endpoint: Endpoint;
  readonly started: Instant;
  readonly ended: Instant;
  /** True if its transport was established: the server was reached. */
  readonly isEstablished: boolean;
  readonly error: unknown;
}

export type RaceOutcome =
  | { readonly type: "connected"; readonly attempt: number; readonly endpoint: Endpoint }
  /** `error` is the one to report: a final one, or that of the attempt that got furthest. */
  | {
      readonly type: "failed";
      readonly why: string;
      readonly attempts: readonly AttemptReport[];
      readonly error?: unknown;
    }
  | { readonly type: "aborted" };

interface Running {
  readonly endpoint: Endpoint;
  readonly started: Instant;
  isEstablished: boolean;
}

export class Race {
  readonly #rules: RaceRules;
  readonly #trace: RaceTrace | undefined;
  readonly #resolution: Resolution;
  readonly #commands: RaceCommand[] = [];
  readonly #running = new Map<number, Running>();
  readonly #reports: AttemptReport[] = [];
  readonly #tried = new Set<string>();
  /** One per transport, the preferred one first. */
  readonly #lanes: readonly Lane[];
  #isRacing = false;
  #resolutionEnds: Instant | undefined;
  #lastResortAt: Instant | undefined;
  #queriesEndAt: Instant | undefined;
  #outcome: RaceOutcome | undefined;

  constructor(rules: RaceRules, trace?: RaceTrace) {
    this.#rules = rules;
    const delay = attemptDelay(rules.attemptDelay);
    this.#lanes = rules.transports.map((transport) => new Lane(transport, delay));
    if (!(rules.headStart >= 0)) throw new RangeError(`${rules.headStart} is not a delay`);
    if (!(rules.resolutionDelay >= 0)) throw new RangeError(`${rules.resolutionDelay} is not a delay`);
    this.#trace = trace;
    this.#resolution = new Resolution(rules);
  }

  /** Set once; after that no attempt is started, and only those that `keepsPreferred` spares go on. */
  get outcome(): RaceOutcome | undefined {
    return this.#outcome;
  }

  /** What HTTPS records said, once it is known. */
  get serviceInfo(): ServiceInfo | undefined {
    return this.#resolution.serviceInfo;
  }

  /** Reports of failed attempts so far. */
  get failures(): readonly AttemptReport[] {
    return this.#reports;
  }

  /** True once nothing more will come of a transport: none of its attempts runs, and none will start. */
  isOver(transport: Transport): boolean {
    const lane = this.#lanes.find((each) => each.transport === transport);
    return lane === undefined || (lane.isEmpty && (this.#outcome !== undefined || this.#resolution.isComplete));
  }

  start(now: Instant): void {
    const { version, families } = this.#rules;
    if (version === 2 && !families.ipv4) this.#lastResortAt = after(now, LAST_RESORT_DELAY);
    this.#askMore(now);
    this.#review(now);
  }

  /** Addresses of one family; none if there are none, or if the question failed: neither delays the other family. */
  handleAddresses(record: "AAAA" | "A", name: string, addresses: readonly string[], now: Instant): void {
    this.#resolution.handleAddresses(record, name, addresses);
    const answer = addresses.length === 0 ? "none" : addresses.join(", ");
    this.#trace?.({ type: "race:answer", record, name, answer }, now);
    this.#handleAnswer(now);
  }

  handleServices(name: string, info: ServiceInfo, now: Instant): void {
    this.#resolution.handleServices(info);
    const answer =
      info.kind === "services" ? servicesText(info.services) : info.kind === "alias" ? info.target : info.why;
    this.#trace?.({ type: "race:answer", record: "HTTPS", name, answer }, now);
    this.#handleAnswer(now);
  }

  /** No server answered the question for HTTPS records. */
  handleServiceFailure(name: string, why: string, now: Instant): void {
    // RFC 9460 §3.1: an attacker who can suppress the answer must not be able to downgrade the client.
    if (this.#rules.isDnsProtected) this.#fail(`the HTTPS records of ${name} cannot be had: ${why}`, now);
    else this.handleServices(name, { kind: "none", why }, now);
  }

  #handleAnswer(now: Instant): void {
    if (this.#outcome !== undefined) {
      if (this.#resolution.isComplete) this.#queriesEndAt = undefined;
      return;
    }
    this.#askMore(now);
    this.#review(now);
  }

  /**
   * An attempt's transport is established, and its handshake goes on: the next attempt waits for it, as long as
   * `estimate`, by default as long as the transport took.
   */
  handleProgress(attempt: number, now: Instant, estimate?: Micros): void {
    const running = this.#running.get(attempt);
    if (running === undefined) return;
    running.isEstablished = true;
    const more = Math.min(estimate ?? since(running.started, now), MAX_ATTEMPT_DELAY) as Micros;
    // The transports after it wait too.
    const from = this.#lanes.findIndex(({ transport }) => transport === running.endpoint.transport);
    for (const lane of this.#lanes.slice(from)) lane.hold(after(now, more));
    const { nextAt } = this.#lanes[from]!;
    const nextIn = nextAt === undefined ? undefined : since(now, nextAt);
    this.#trace?.({ type: "race:attempt_progress", attempt, nextIn }, now);
  }

  handleConnected(attempt: number, now: Instant): void {
    const running = this.#running.get(attempt);
    if (running === undefined) return;
    this.#running.delete(attempt);
    const { endpoint, started } = running;
    this.#laneOf(endpoint).running -= 1;
    const took = toMillis(since(started, now));
    this.#trace?.({ type: "race:attempt_ended", attempt, how: "connected", why: `after ${took} ms` }, now);
    const isLate = this.#outcome !== undefined;
    this.#outcome ??= { type: "connected", attempt, endpoint };
    this.#stop("another attempt has connected", now, isLate ? undefined : endpoint.transport);
    if (isLate) return;
    if (!this.#resolution.isComplete) this.#queriesEndAt = after(now, LATE_ANSWERS);
    this.#trace?.({ type: "race:ended", how: "connected", why: ruleOf(attempt, endpoint) }, now);
  }

  /** `isFinal` is true if the error would affect every endpoint. */
  handleFailed(attempt: number, error: unknown, isFinal: boolean, now: Instant): void {
    const running = this.#running.get(attempt);
    if (running === undefined) return;
    this.#running.delete(attempt);
    const { endpoint, started, isEstablished } = running;
    this.#reports.push({ attempt, endpoint, started, ended: now, isEstablished, error });
    const why = error instanceof Error ? error.message : String(error);
    this.#trace?.({ type: "race:attempt_ended", attempt, how: "failed", why }, now);
    this.#laneOf(endpoint).handleFailed(endpoint, started, now);
    if (isFinal) this.#fail(why, now, error);
    else this.#review(now);
  }

  /** The caller wants no connection any more. */
  abort(now: Instant, why = "the caller has aborted"): void {
    if (this.#outcome !== undefined && this.#running.size === 0) return;
    if (this.#outcome !== undefined) {
      for (const [attempt, running] of this.#running) {
        this.#reports.push({ attempt, ...running, ended: now, error: new Error("no answer") });
      }
      this.#stop("aborted", now);
      return;
    }
    this.#outcome = { type: "aborted" };
    this.#stop("aborted", now);
    this.#commands.push({ type: "end-queries" });
    this.#trace?.({ type: "race:ended", how: "aborted", why }, now);
  }

  handleTimeout(now: Instant): void {
    if (this.#queriesEndAt !== undefined && now >= this.#queriesEndAt) {
      this.#queriesEndAt = undefined;
      this.#commands.push({ type: "end-queries" });
    }
    if (this.#outcome !== undefined) return;
    if (this.#lastResortAt !== undefined && now >= this.#lastResortAt) {
      this.#lastResortAt = undefined;
      this.#resolution.askLastResort();
      this.#askMore(now);
    }
    this.#review(now);
  }

  nextTimeout(): Instant | undefined {
    const attempt = this.#lanes.reduce<Instant | undefined>((least, { due }) => earliest(least, due), undefined);
    return earliest(earliest(attempt, this.#resolutionEnds), earliest(this.#lastResortAt, this.#queriesEndAt));
  }

  pollCommand(): RaceCommand | undefined {
    return this.#commands.shift();
  }

  #askMore(now: Instant): void {
    for (let next = this.#resolution.pollQuestion(); next !== undefined; next = this.#resolution.pollQuestion()) {
      this.#commands.push({ type: "query", ...next });
      this.#trace?.({ type: "race:query_sent", ...next }, now);
    }
  }

  /** Starts what can be started, and ends the race if nothing is left. */
  #review(now: Instant): void {
    if (this.#outcome !== undefined) return;
    if (!this.#isRacing && !this.#isReady(now)) {
      this.#considerFailing(now);
      return;
    }
    if (!this.#isRacing) {
      this.#isRacing = true;
      this.#resolutionEnds = undefined;
    }
    const before = this.#waiting;
    // RFC 8305 §3: new answers sort those that have not started anew; running attempts go on.
    const waiting = this.#resolution.endpoints().filter((each) => !this.#tried.has(endpointKey(each)));
    for (const lane of this.#lanes) {
      lane.offer(
        waiting.filter(({ transport }) => transport === lane.transport),
        now,
      );
    }
    if (!isSameList(before, waiting) && waiting.length > 0) {
      this.#trace?.({ type: "race:endpoints", endpoints: waiting }, now);
    }
    this.#startDue(now);
    this.#considerFailing(now);
  }

  get #waiting(): Endpoint[] {
    return this.#lanes.flatMap(({ waiting }) => waiting);
  }

  #laneOf({ transport }: Endpoint): Lane {
    return this.#lanes.find((lane) => lane.transport === transport)!;
  }

  /** Starts what is due in each lane. */
  #startDue(now: Instant): void {
    let before: Lane | undefined;
    for (const lane of this.#lanes) {
      if (before === undefined || before.isEmpty) lane.open(now, before?.lastStart === undefined ? "first" : "failure");
      else if (before.firstStart !== undefined)
        lane.open(after(before.firstStart, this.#rules.headStart), "head start");
      if (lane.due !== undefined && now >= lane.due) this.#startNext(lane, now);
      before = lane;
    }
  }

  /** True if the first attempt may start. Otherwise the Resolution Delay may run. */
  #isReady(now: Instant): boolean {
    const { version, resolutionDelay } = this.#rules;
    const resolution = this.#resolution;
    if (!resolution.hasAddresses) {
      this.#resolutionEnds = undefined;
      return false;
    }
    const missing = [
      ...(resolution.hasPreferredFamily ? [] : ["the preferred family"]),
      ...(version === 2 || resolution.hasServiceInfo ? [] : ["HTTPS records"]),
    ];
    if (missing.length === 0) return true;
    if (this.#resolutionEnds === undefined) {
      this.#resolutionEnds = after(now, resolutionDelay);
      const why = `no answer yet for ${missing.join(" and ")}`;
      this.#trace?.({ type: "race:waiting", until: this.#resolutionEnds, why }, now);
    }
    return now >= this.#resolutionEnds;
  }

  #startNext(lane: Lane, now: Instant): void {
    const why = lane.reason;
    const endpoint = lane.start(now);
    const attempt = this.#tried.size;
    this.#tried.add(endpointKey(endpoint));
    this.#running.set(attempt, { endpoint, started: now, isEstablished: false });
    this.#commands.push({ type: "start", attempt, endpoint });
    this.#trace?.({ type: "race:attempt_started", attempt, endpoint, why }, now);
  }

  #considerFailing(now: Instant): void {
    if (this.#lanes.some((lane) => !lane.isEmpty) || this.#resolutionEnds !== undefined) return;
    if (!this.#resolution.isComplete) return;
    if (this.#lastResortAt !== undefined) {
      if (this.#resolution.hasNat64) return;
      this.#lastResortAt = undefined;
    }
    const { host } = this.#rules;
    if (this.#reports.length === 0) this.#fail(`${host} has no address that this machine can reach`, now);
    else this.#fail(`all ${this.#reports.length} attempts failed`, now, this.#tellingError());
  }

  /** That of an attempt that reached the server, then one over the transport that is there in any case, the last. */
  #tellingError(): unknown {
    const rank = ({ isEstablished, endpoint }: AttemptReport): number =>
      Number(isEstablished) * 10 + this.#rules.transports.indexOf(endpoint.transport);
    return this.#reports.reduce((best, each) => (rank(each) > rank(best) ? each : best)).error;
  }

  #fail(why: string, now: Instant, error?: unknown): void {
    if (this.#outcome !== undefined) return;
    const attempts = [...this.#reports];
    for (const [attempt, running] of this.#running) {
      attempts.push({ attempt, ...running, ended: now, error: new Error("cancelled") });
    }
    this.#outcome = { type: "failed", why, attempts, ...(error === undefined ? {} : { error }) };
    this.#stop("the race has failed", now);
    this.#commands.push({ type: "end-queries" });
    this.#trace?.({ type: "race:ended", how: "failed", why }, now);
  }

  /** Ends all attempts; with `keepsPreferred`, those over better transports than the winner's go on. */
  #stop(why: string, now: Instant, winner?: Transport): void {
    const kept = winner !== undefined && this.#rules.keepsPreferred === true;
    const better = kept ? this.#rules.transports.slice(0, this.#rules.transports.indexOf(winner)) : [];
    for (const [attempt, { endpoint }] of this.#running) {
      if (better.includes(endpoint.transport)) continue;
      this.#running.delete(attempt);
      this.#laneOf(endpoint).running -= 1;
      this.#commands.push({ type: "cancel", attempt });
      this.#trace?.({ type: "race:attempt_ended", attempt, how: "cancelled", why }, now);
    }
    for (const lane of this.#lanes) lane.waiting = [];
    this.#resolutionEnds = undefined;
    this.#lastResortAt = undefined;
  }
}

const isSameList = (a: readonly Endpoint[], b: readonly Endpoint[]): boolean =>
  a.length === b.length && a.every((each, i) => endpointKey(each) === endpointKey(b[i]!));

const servicesText = (
  services: readonly { readonly priority: number; readonly target: string; readonly alpn: readonly string[] }[],
): string => services.map(({ priority, target, alpn }) => `${priority} ${target} ${alpn.join(",")}`).join("; ");

/** Names what made an endpoint the winner. */
function ruleOf(attempt: number, { family, transport, priority }: Endpoint): string {
  const record = priority === undefined ? "" : ` of the HTTPS record with priority ${priority}`;
  const way = `IPv${family} over ${transport === "quic" ? "QUIC" : "TCP"}${record}`;
  return attempt === 0 ? `the first choice, ${way}, was in time` : `${way} was the first of ${attempt + 1} to connect`;
}
