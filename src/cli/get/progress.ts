// A progress line on a terminal, updated a few times a second.
import type { Output } from "../io.ts";
import { bytes, duration } from "./units.ts";

/** Milliseconds between updates. */
const INTERVAL = 100;

export class Progress {
  readonly #output: Output;
  readonly #name: string;
  readonly #total: number | undefined;
  readonly #start = performance.now();
  #lastShown = 0;
  #received = 0;

  constructor(output: Output, name: string, total: number | undefined) {
    this.#output = output;
    this.#name = name;
    this.#total = total;
  }

  update(received: number): void {
    this.#received = received;
    const now = performance.now();
    if (now - this.#lastShown < INTERVAL) return;
    this.#lastShown = now;
    this.#output.write(`\r\x1b[K${this.line(now)}`);
  }

  done(): void {
    this.#output.write(`\r\x1b[K${this.line(performance.now())}\n`);
  }

  line(now: number): string {
    const elapsed = now - this.#start;
    const rate = elapsed > 0 ? (this.#received / elapsed) * 1000 : 0;
    const parts = [this.#name];
    if (this.#total === undefined || this.#total === 0) {
      parts.push(bytes(this.#received));
    } else {
      const share = Math.min(1, this.#received / this.#total);
      const filled = Math.round(share * 24);
      parts.push(`${"━".repeat(filled)}${"╌".repeat(24 - filled)} ${String(Math.floor(share * 100)).padStart(3)} %`);
      parts.push(`${bytes(this.#received)} of ${bytes(this.#total)}`);
      if (share < 1 && rate > 0) parts.push(`${duration(((this.#total - this.#received) / rate) * 1000)} left`);
    }
    parts.push(`${bytes(rate)}/s`);
    return parts.join("  ");
  }
}
