/**
 * Which flow's data leaves next: strict priority, then the least slack, which is the time that is left when the unit has crossed the
 * link and has been processed; flows without a deadline take turns. What would arrive needlessly early waits while the receiver
 * has more to do than it can.
 */

import { after, earliest, type Instant, type Micros } from "../../base/time.ts";
import type { Head, OutFlow } from "./out-flow.ts";
import type { Outlook, OutQueue } from "./queue.ts";

export interface Sender {
  readonly flow: OutFlow;
  readonly queue: OutQueue;
  /** When it was last served, as a count. */
  turn: number;
}

export class Scheduler {
  readonly #ready = new Set<Sender>();
  #turns = 0;
  /** When a flow that had to wait may go on; undefined if none waits for time alone. */
  wakeAt: Instant | undefined;
  /** True to hold back what is early. */
  holdsEarly = false;

  get isEmpty(): boolean {
    return this.#ready.size === 0;
  }

  /** Something was given to the flow, or it may go on. */
  add(sender: Sender): void {
    this.#ready.add(sender);
  }

  remove(sender: Sender): void {
    this.#ready.delete(sender);
  }

  served(sender: Sender): void {
    this.#turns += 1;
    sender.turn = this.#turns;
  }

  /** The best flow that may send; `passed` ones have nothing that fits into the packet. */
  next(outlook: Outlook, passed: ReadonlySet<Sender>): Sender | undefined {
    this.wakeAt = undefined;
    let best: Sender | undefined;
    let bestSlack = 0;
    for (const sender of this.#ready) {
      if (passed.has(sender)) continue;
      const { flow, queue } = sender;
      const head = queue.head(outlook);
      if (head === undefined) {
        this.#ready.delete(sender);
        continue;
      }
      const slack = this.#slack(head, flow, outlook);
      if (!this.#mayLeave(flow, head, slack, outlook)) continue;
      if (best !== undefined && !isBefore(flow, slack, sender.turn, best, bestSlack)) continue;
      best = sender;
      bestSlack = slack;
    }
    return best;
  }

  #slack({ deadline, size }: Head, { cost }: OutFlow, { now, perByte }: Outlook): number {
    return deadline === undefined ? Number.POSITIVE_INFINITY : deadline - now - size * perByte - cost;
  }

  #mayLeave(flow: OutFlow, head: Head, slack: number, { now, oneWay }: Outlook): boolean {
    if (!flow.maySend(head.size, now)) {
      this.wakeAt = earliest(this.wakeAt, flow.nextChange(head.size, now));
      return false;
    }
    if (!this.holdsEarly || flow.period === 0 || slack === Number.POSITIVE_INFINITY) return true;
    // It must cross the network, and queues in it may grow to twice what they are.
    const early = Math.ceil(slack - flow.period - 2 * oneWay);
    if (early <= 0) return true;
    this.wakeAt = earliest(this.wakeAt, after(now, early as Micros));
    return false;
  }
}

function isBefore(flow: OutFlow, slack: number, turn: number, best: Sender, bestSlack: number): boolean {
  if (flow.priority !== best.flow.priority) return flow.priority < best.flow.priority;
  if (slack !== bestSlack) return slack < bestSlack;
  return turn < best.turn;
}
