// Writes lines to a reader that may hang. Lines are buffered up to a limit; further lines are dropped and counted.
import { guard, reportFault } from "../../host/guard.ts";
import type { Output } from "../io.ts";

/** Bytes buffered for the reader, which hold some thousand events. */
const MAX_BUFFERED = 1024 * 1024;

export class LineWriter {
  readonly #output: Output;
  readonly #describeDropped: (count: number) => string;
  #dropped = 0;

  /** `describeDropped` returns the line that reports dropped lines, written once the reader reads again. */
  constructor(output: Output, describeDropped: (count: number) => string) {
    this.#output = output;
    this.#describeDropped = describeDropped;
    output.on(
      "drain",
      guard("cli lines", reportFault, () => this.#reportDropped()),
    );
  }

  write(line: string): void {
    if (this.#output.writableLength >= MAX_BUFFERED) {
      this.#dropped += 1;
      return;
    }
    this.#reportDropped();
    // The server keeps running if the reader has gone away.
    if (!this.#output.destroyed) this.#output.write(`${line}\n`);
  }

  #reportDropped(): void {
    if (this.#dropped === 0 || this.#output.destroyed) return;
    const count = this.#dropped;
    this.#dropped = 0;
    this.#output.write(`${this.#describeDropped(count)}\n`);
  }
}
