/** Our machine on a site: events in the order of their times. */

import { type Endpoint, Race, type RaceCommand, type Transport } from "../../agent/index.ts";
import { after, type Instant, millis, since, toMillis } from "../../base/time.ts";
import { SeededRng } from "../../sim/index.ts";
import { HANDSHAKE, rttTo, type Site, type StartedAttempt, type Visit } from "./world.ts";

const START = 0 as Instant;
const HOST = "site.test";

interface Scheduled {
  readonly at: Instant;
  run(now: Instant): void;
}

export interface OurRules {
  readonly version: 2 | 3;
  readonly resolutionDelay: number;
  readonly attemptDelay: number;
  readonly seed: number;
  /** Milliseconds after which the visit ends. */
  readonly limit: number;
  /** What version 3 tries without a record. */
  readonly transports: readonly Transport[];
}

export function ourVisit(site: Site, rules: OurRules): Visit {
  const { version, resolutionDelay, attemptDelay, seed, limit, transports } = rules;
  const race = new Race({
    version,
    host: HOST,
    port: 443,
    alpn: version === 3 ? ["h3", "h2", "http/1.1"] : ["h2", "http/1.1"],
    transports: version === 3 ? transports : ["tcp"],
    usesRecords: version === 3,
    isDnsProtected: false,
    families: { ipv4: true, ipv6: true },
    nat64: undefined,
    resolutionDelay: millis(resolutionDelay),
    attemptDelay: millis(attemptDelay),
    headStart: millis(attemptDelay),
    preferredCount: 1,
    rng: new SeededRng(seed),
  });
  const attempts: StartedAttempt[] = [];
  const questions: string[] = [];
  const cancelled = new Set<number>();
  const scheduled: Scheduled[] = [];
  const at = (time: Instant, run: Scheduled["run"]): void => {
    if (Number.isFinite(time)) scheduled.push({ at: time, run });
  };

  const perform = (command: RaceCommand, now: Instant): void => {
    if (command.type === "query") {
      const { record, name } = command;
      questions.push(record);
      at(after(START, millis(site.answers[record])), (then) => {
        if (record === "HTTPS") race.handleServices(name, site.services, then);
        else race.handleAddresses(record, name, record === "A" ? site.ipv4 : site.ipv6, then);
      });
    } else if (command.type === "start") begin(command.attempt, command.endpoint, now);
    else if (command.type === "cancel") cancelled.add(command.attempt);
  };

  const begin = (attempt: number, { address, transport }: Endpoint, now: Instant): void => {
    attempts[attempt] = { address, transport, at: toMillis(since(START, now)) };
    const behaviour = site.behaviour(address, transport);
    if (behaviour === "silent") return;
    const unlessCancelled = (run: Scheduled["run"]) => (then: Instant) => {
      if (!cancelled.has(attempt)) run(then);
    };
    const roundTrip = after(now, millis(rttTo(site, address)));
    if (behaviour === "refuses") {
      at(
        roundTrip,
        unlessCancelled((then) => race.handleFailed(attempt, new Error("refused"), false, then)),
      );
      return;
    }
    if (transport === "tcp") {
      at(
        roundTrip,
        unlessCancelled((then) => race.handleProgress(attempt, then)),
      );
    }
    at(
      after(now, millis(rttTo(site, address) * HANDSHAKE[transport])),
      unlessCancelled((then) => race.handleConnected(attempt, then)),
    );
  };

  let now = START;
  race.start(now);
  for (;;) {
    for (let next = race.pollCommand(); next !== undefined; next = race.pollCommand()) perform(next, now);
    const { outcome } = race;
    if (outcome !== undefined) {
      const winner = outcome.type === "connected" ? attempts[outcome.attempt] : undefined;
      return { connected: winner === undefined ? undefined : toMillis(since(START, now)), winner, attempts, questions };
    }
    scheduled.sort((a, b) => a.at - b.at);
    const timeout = race.nextTimeout();
    const [event] = scheduled;
    const next = Math.min(timeout ?? Number.POSITIVE_INFINITY, event?.at ?? Number.POSITIVE_INFINITY) as Instant;
    if (next > after(START, millis(limit))) return { connected: undefined, winner: undefined, attempts, questions };
    now = next;
    if (event !== undefined && event.at === next) {
      scheduled.shift();
      event.run(now);
    } else race.handleTimeout(now);
  }
}
