/**
 * Shares what one receiver has, its link and its processor, among the flows of all its clients: the highest priority first. Flows with
 * a period get what they announced, or wait; the others get the rest in equal parts. What has just been held back goes on only when
 * there is a tenth more than it needs, to avoid flapping.
 */

import { type Instant, type Micros, millis, since } from "../../base/time.ts";
import type { IncomingFlow } from "../receive/in-flow.ts";

/** RESUME only with this much more than a flow needs. */
const HYSTERESIS = 1.1;
/** How fast the share of the processor that is given away shrinks while data waits, and grows again. */
const SHRINK = 0.6;
const GROW = 0.1;
const SMALLEST_SCALE = 0.02;
/** Rates that differ less are not told again. */
const SAME_RATE = 0.1;
/** The least rate for a flow without a period, in bytes per second: with less it waits. */
const LEAST_RATE = 2_000;

export interface ArbiterOptions {
  /** Bytes per second that all clients may send together; Infinity by default. */
  readonly link?: number;
  /** Processors that their data may take, such as 0.8; 1 by default. */
  readonly cpu?: number;
  /** Milliseconds that data may wait before it is processed; 20 by default. */
  readonly targetQueue?: number;
  /** The least time between two changes; 50 ms by default. */
  readonly interval?: Micros;
}

/** What a flow may do from now on. */
export type Verdict<Client> =
  | { readonly type: "pause"; readonly client: Client; readonly flow: number }
  /** `rate` in bytes per second; 0 without a limit. */
  | { readonly type: "resume"; readonly client: Client; readonly flow: number; readonly rate: number };

interface Entry<Client> {
  readonly client: Client;
  readonly flow: IncomingFlow;
  /** As last told; 0 is without a limit, undefined is paused. */
  rate: number | undefined;
}

/** What is left to give away. */
interface Budget {
  link: number;
  cpu: number;
}

export class Arbiter<Client> {
  readonly #link: number;
  readonly #cpu: number;
  readonly #targetQueue: number;
  readonly #interval: Micros;
  /** Ordered by priority. */
  readonly #entries: Entry<Client>[] = [];
  /** The part of the processor that can be given away; less than 1 while it turns out to be too much. */
  #scale = 1;
  /** Flows with a period that wait, the lowest priority first. */
  #shed = 0;
  #decidedAt: Instant | undefined;

  constructor({
    link = Number.POSITIVE_INFINITY,
    cpu = 1,
    targetQueue = 20,
    interval = millis(50),
  }: ArbiterOptions = {}) {
    this.#link = link;
    this.#cpu = cpu;
    this.#targetQueue = targetQueue;
    this.#interval = interval;
  }

  get size(): number {
    return this.#entries.length;
  }

  /** A client has opened a flow. */
  add(client: Client, flow: IncomingFlow): void {
    const index = this.#entries.findIndex((each) => each.flow.priority > flow.priority);
    this.#entries.splice(index === -1 ? this.#entries.length : index, 0, { client, flow, rate: 0 });
  }

  /** A flow is over. */
  remove(client: Client, flow: number): void {
    const index = this.#entries.findIndex((each) => each.client === client && each.flow.id === flow);
    if (index !== -1) this.#entries.splice(index, 1);
  }

  /** All flows of a client are over. */
  leave(client: Client): void {
    for (let index = this.#entries.length - 1; index >= 0; index -= 1) {
      if (this.#entries[index]!.client === client) this.#entries.splice(index, 1);
    }
  }

  /** `queue`: milliseconds that data waits now. Returns what has changed. */
  decide(queue: number, now: Instant): Verdict<Client>[] {
    if (this.#decidedAt !== undefined && since(this.#decidedAt, now) < this.#interval) return [];
    this.#decidedAt = now;
    this.#learn(queue > this.#targetQueue);
    const budget = { link: this.#link, cpu: this.#cpu };
    const verdicts: Verdict<Client>[] = [];
    this.#sharePeriodic(budget, verdicts);
    // What is taken back while data waits comes from the flows that have no period.
    budget.cpu -= this.#cpu * (1 - this.#scale);
    this.#shareRest(budget, verdicts);
    return verdicts;
  }

  #learn(isOverloaded: boolean): void {
    if (!isOverloaded) {
      if (this.#scale === 1 && this.#shed > 0) this.#shed -= 1;
      this.#scale = Math.min(1, this.#scale + GROW);
      return;
    }
    const isRestHeld = this.#entries.every(({ flow, rate }) => flow.period > 0 || rate === undefined);
    if (isRestHeld) this.#shed = Math.min(this.#shed + 1, this.#entries.length);
    this.#scale = Math.max(SMALLEST_SCALE, this.#scale * SHRINK);
  }

  #sharePeriodic(budget: Budget, verdicts: Verdict<Client>[]): void {
    const periodic = this.#entries.filter(({ flow }) => flow.period > 0);
    const top = periodic[0]?.flow.priority;
    // The last ones wait if holding back all the rest was not enough; never those of the highest priority.
    const kept = periodic.length - this.#shed;
    let isFull = false;
    for (const [index, entry] of periodic.entries()) {
      const need = needOf(entry.flow);
      const factor = entry.rate === undefined ? HYSTERESIS : 1;
      const isShed = index >= kept && entry.flow.priority !== top;
      // Nothing passes one that had no room and comes before it.
      isFull ||= need.link * factor > budget.link || need.cpu * factor > budget.cpu;
      const fits = !isFull && !isShed;
      if (fits) {
        budget.link -= need.link;
        budget.cpu -= need.cpu;
      }
      tell(entry, fits ? 0 : undefined, verdicts);
    }
    if (isFull) budget.link = budget.cpu = 0;
  }

  #shareRest(budget: Budget, verdicts: Verdict<Client>[]): void {
    const rest = this.#entries.filter(({ flow }) => flow.period === 0);
    for (const [index, entry] of rest.entries()) {
      // Equal parts among those of one priority; a lower one gets what they leave.
      const peers = rest.filter((each, at) => at >= index && each.flow.priority === entry.flow.priority).length;
      const cost = costOfByte(entry.flow);
      const rate = Math.max(
        0,
        Math.min(budget.link / peers, cost === 0 ? budget.link / peers : budget.cpu / peers / cost),
      );
      const least = entry.rate === undefined ? LEAST_RATE * HYSTERESIS : LEAST_RATE;
      if (rate < least) {
        tell(entry, undefined, verdicts);
        continue;
      }
      tell(entry, rate === Number.POSITIVE_INFINITY ? 0 : Math.floor(rate), verdicts);
      if (rate === Number.POSITIVE_INFINITY) continue;
      budget.link -= rate;
      budget.cpu -= rate * cost;
    }
  }
}

/** Bytes and seconds of a processor, for each second. */
function needOf({ period, maxUnit, cost }: IncomingFlow): Budget {
  const units = 1_000 / period;
  return { link: units * maxUnit, cpu: (units * cost) / 1_000_000 };
}

/** Seconds of a processor; 0 if the flow did not say. */
const costOfByte = ({ maxUnit, cost }: IncomingFlow): number => (maxUnit === 0 ? 0 : cost / 1_000_000 / maxUnit);

function tell<Client>(entry: Entry<Client>, rate: number | undefined, verdicts: Verdict<Client>[]): void {
  const { client, flow } = entry;
  const before = entry.rate;
  if (rate === undefined) {
    if (before === undefined) return;
    verdicts.push({ type: "pause", client, flow: flow.id });
  } else {
    const isSame = before !== undefined && Math.abs(rate - before) <= SAME_RATE * Math.max(before, 1);
    if (isSame) return;
    verdicts.push({ type: "resume", client, flow: flow.id, rate });
  }
  entry.rate = rate;
}
