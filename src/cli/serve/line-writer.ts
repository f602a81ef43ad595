// Lines for a reader that may hang: what it does not take waits up to a bound, and what comes then is dropped and counted.
import { guard, reportFault } from "../../host/guard.ts";
import type { Output } from "../io.ts";

/** Bytes that wait for the reader: some thousand events. */
const MAX_WAITING = 1024 * 1024;

export class LineWriter {
  readonly #output: Output;
  readonly #describeDropped: (count: number) => string;
  #dropped = 0;

  /** `describeDropped` makes the line that tells of dropped ones, once the reader reads again. */
  constructor(output: Output, describeDropped: (count: number) => string) {
    this.#output = output;
    this.#describeDropped = describeDropped;
    output.on(
      "drain",
      guard("cli lines", reportFault, () => this.#tell()),
    );
  }

  write(line: string): void {
    if (this.#output.writableLength >= MAX_WAITING) {
      this.#dropped += 1;
      return;
    }
    this.#tell();
    // A reader that has left is no reason to stop serving.
    if (!this.#output.destroyed) this.#output.write(`${line}\n`);
  }

  #tell(): void {
    if (this.#dropped === 0 || this.#output.destroyed) return;
    const count = this.#dropped;
    this.#dropped = 0;
    this.#output.write(`${this.#describeDropped(count)}\n`);
  }
}
