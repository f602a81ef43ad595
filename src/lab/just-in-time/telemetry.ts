/** The urgent load of a vehicle: small packets at a steady pace, and what became of each. */

import { after, type Instant, type Micros, micros, since } from "../../base/time.ts";
import type { Values } from "../experiment.ts";
import { round } from "../figures.ts";

/** Bytes of a packet of telemetry. */
export const TELEMETRY = 100;
/** How long a packet is worth something. */
export const DEADLINE = 100_000 as Micros;

/** The normal quantile of a 95 % interval. */
const Z = 1.96;

export interface TelemetryOptions {
  /** Packets of each vehicle per second. */
  readonly rate: number;
  /** Of each vehicle. */
  readonly packets: number;
}

/** One vehicle's packets, in their order. */
export class Telemetry {
  readonly #options: TelemetryOptions;
  readonly #sentAt: Instant[] = [];
  readonly #delays: (number | undefined)[] = [];
  #begun: Instant | undefined;

  constructor(options: TelemetryOptions) {
    this.#options = options;
  }

  /** Packets of each vehicle per second. */
  get rate(): number {
    return this.#options.rate;
  }

  get isDone(): boolean {
    return this.#sentAt.length === this.#options.packets;
  }

  /** When the next packet is to be sent; undefined after the last one. Begins with the first call. */
  next(now: Instant): Instant | undefined {
    this.#begun ??= now;
    if (this.isDone) return undefined;
    return after(this.#begun, micros((this.#sentAt.length * 1_000_000) / this.#options.rate));
  }

  /** The next packet, which is sent now. */
  take(now: Instant): Uint8Array {
    const bytes = new Uint8Array(TELEMETRY);
    new DataView(bytes.buffer).setUint32(0, this.#sentAt.length);
    this.#sentAt.push(now);
    return bytes;
  }

  /** A packet has arrived. */
  arrived(bytes: Uint8Array, now: Instant): void {
    const index = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0);
    this.#delays[index] ??= since(this.#sentAt[index]!, now);
  }

  /** Microseconds of each packet on its way; undefined if it never came. */
  get delays(): readonly (number | undefined)[] {
    return Array.from({ length: this.#sentAt.length }, (_, index) => this.#delays[index]);
  }
}

/** Loss with the upper end of its 95 % interval (Wilson), misses of the deadline, and delays, of all vehicles together. */
export function telemetryFigures(vehicles: readonly Telemetry[]): Values {
  const delays = vehicles.flatMap((each) => each.delays);
  const there = delays.filter((each) => each !== undefined).sort((a, b) => a - b);
  const lost = delays.length - there.length;
  const missed = lost + there.filter((each) => each > DEADLINE).length;
  const quantile = (share: number): number =>
    (there[Math.min(there.length - 1, Math.floor(share * there.length))] ?? 0) / 1_000;
  return {
    packets: delays.length,
    lost,
    lossUpTo: round(100 * upperEnd(lost, delays.length), 4),
    missed,
    median: round(quantile(0.5), 2),
    p99: round(quantile(0.99), 2),
    longest: round((there.at(-1) ?? 0) / 1_000, 2),
  };
}

/** The upper end of Wilson's interval for `count` of `total`. */
function upperEnd(count: number, total: number): number {
  if (total === 0) return 1;
  const p = count / total;
  const square = Z * Z;
  const middle = p + square / (2 * total);
  const spread = Z * Math.sqrt((p * (1 - p)) / total + square / (4 * total * total));
  return (middle + spread) / (1 + square / total);
}
