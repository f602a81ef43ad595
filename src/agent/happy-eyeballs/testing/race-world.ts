/** A race in virtual time, for tests. */

import { SeededRng } from "../../../base/rng.ts";
import { type Instant, instant, micros, millis, toMillis } from "../../../base/time.ts";
import { parseRecord } from "../../../dns/index.ts";
import type { RaceEvent } from "../events.ts";
import { Race, type RaceCommand } from "../race.ts";
import { DEFAULT_ATTEMPT_DELAY, DEFAULT_RESOLUTION_DELAY, type RaceRules } from "../rules.ts";
import { readServices, type ServiceInfo } from "../services.ts";

export const HOST = "www.test";
export const NAME = "www.test.";
export const at = (milliseconds: number): Instant => instant(millis(milliseconds));
export const NONE: ServiceInfo = { kind: "none", why: "no record" };

export const rules = (some: Partial<RaceRules> = {}): RaceRules => ({
  version: 3,
  host: HOST,
  port: 443,
  alpn: ["h3", "h2", "http/1.1"],
  transports: ["tcp"],
  usesRecords: true,
  isDnsProtected: false,
  families: { ipv4: true, ipv6: true },
  nat64: undefined,
  resolutionDelay: DEFAULT_RESOLUTION_DELAY,
  attemptDelay: DEFAULT_ATTEMPT_DELAY,
  headStart: DEFAULT_ATTEMPT_DELAY,
  preferredCount: 1,
  rng: new SeededRng(1),
  ...some,
});

/** A race in virtual time that writes down what happens when, in milliseconds. */
export class World {
  readonly race: Race;
  readonly log: string[] = [];
  readonly trace: RaceEvent[] = [];
  readonly open = new Set<number>();
  #now = at(0);

  constructor(some: Partial<RaceRules> = {}) {
    this.race = new Race(rules(some), (event) => void this.trace.push(event));
    this.race.start(this.#now);
    this.#run();
  }

  /** Lets the time pass, and then does something. */
  at(milliseconds: number, act?: (race: Race, now: Instant) => void): this {
    const until = at(milliseconds);
    let turns = 0;
    for (let next = this.race.nextTimeout(); next !== undefined && next <= until; next = this.race.nextTimeout()) {
      if ((turns += 1) > 1_000) throw new Error("the machine's timeout does not move on");
      this.#now = next;
      this.race.handleTimeout(next);
      this.#run();
    }
    this.#now = until;
    act?.(this.race, until);
    this.#run();
    return this;
  }

  a = (milliseconds: number, ...addresses: string[]): this =>
    this.at(milliseconds, (race, now) => race.handleAddresses("A", NAME, addresses, now));
  aaaa = (milliseconds: number, ...addresses: string[]): this =>
    this.at(milliseconds, (race, now) => race.handleAddresses("AAAA", NAME, addresses, now));
  services = (milliseconds: number, info: ServiceInfo, name = NAME): this =>
    this.at(milliseconds, (race, now) => race.handleServices(name, info, now));
  records = (milliseconds: number, ...texts: string[]): this =>
    this.services(
      milliseconds,
      readServices(
        texts.map((text) => parseRecord(`${NAME} HTTPS ${text}`)),
        ["h3", "h2", "http/1.1"],
        new SeededRng(2),
      ),
    );
  connected = (milliseconds: number, attempt: number): this =>
    this.at(milliseconds, (race, now) => race.handleConnected(attempt, now));
  failed = (milliseconds: number, attempt: number, isFinal = false): this =>
    this.at(milliseconds, (race, now) => race.handleFailed(attempt, new Error(`refused ${attempt}`), isFinal, now));

  #run(): void {
    for (let next = this.race.pollCommand(); next !== undefined; next = this.race.pollCommand()) {
      this.log.push(`${toMillis(micros(this.#now))} ${textOf(next)}`);
      if (next.type === "start") this.open.add(next.attempt);
      if (next.type === "cancel") this.open.delete(next.attempt);
    }
  }

  /** Without the questions. */
  get attempts(): string[] {
    return this.log.filter((line) => !line.includes(" ask "));
  }

  get questions(): string[] {
    return this.log.filter((line) => line.includes(" ask "));
  }
}

function textOf(command: RaceCommand): string {
  switch (command.type) {
    case "query":
      return `ask ${command.record} ${command.name}`;
    case "start": {
      const { address, transport, port } = command.endpoint;
      return `${transport === "quic" ? "quic " : ""}${address}${port === 443 ? "" : ` port ${port}`}`;
    }
    case "cancel":
      return `cancel ${command.attempt}`;
    case "end-queries":
      return "end queries";
  }
}

export const V4 = "192.0.2.1";
export const V6 = "2001:db8::1";
