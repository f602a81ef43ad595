/** Reports of resources, ours and the peer's. */

import { after, type Instant } from "../../base/time.ts";
import type { ResourceUnit } from "../packet/types.ts";
import type { Resources } from "./events.ts";
import { REPORT_INTERVAL } from "./limits.ts";

/** A change by this much is told at once. */
const NOTEWORTHY = 0.2;

export class Reports {
  readonly #targetQueue: number;
  #ours: Resources | undefined;
  #told: Resources | undefined;
  #due: Instant | undefined;
  #theirs: Resources | undefined;

  constructor(targetQueue: number) {
    this.#targetQueue = targetQueue;
  }

  /** When ours is to be told. */
  get due(): Instant | undefined {
    return this.#due;
  }

  /** Microseconds that a byte takes on the peer's link; 0 if unknown. */
  get perByte(): number {
    return this.#theirs === undefined || this.#theirs.link === 0 ? 0 : 1_000_000 / this.#theirs.link;
  }

  /** True if data waits at the peer for longer than it should. */
  get isOverloaded(): boolean {
    return this.#theirs !== undefined && this.#theirs.queue > this.#targetQueue;
  }

  onReport(unit: ResourceUnit): void {
    this.#theirs = unit;
  }

  set(resources: Resources, now: Instant): void {
    this.#ours = resources;
    if (this.#told === undefined || hasChanged(this.#told, resources)) this.#due = now;
    else this.#due ??= after(now, REPORT_INTERVAL);
  }

  /** The report, if it is due. */
  take(now: Instant): ResourceUnit | undefined {
    if (this.#due === undefined || this.#due > now) return undefined;
    this.#due = undefined;
    this.#told = this.#ours;
    const { link, cpuFree, queue, memory } = this.#ours!;
    const bounded = (value: number, max: number): number => Math.min(Math.max(0, Math.round(value)), max);
    return {
      type: "resource",
      link: bounded(link, 0xffff_ffff),
      cpuFree: bounded(cpuFree, 1_000),
      queue: bounded(queue, 0xffff),
      memory: bounded(memory, 0xffff_ffff),
    };
  }
}

const hasChanged = (before: Resources, now: Resources): boolean =>
  (["link", "cpuFree", "queue", "memory"] as const).some(
    (each) => Math.abs(now[each] - before[each]) > NOTEWORTHY * Math.max(1, before[each]),
  );
