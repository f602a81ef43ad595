/** Writes lines to a reader that may hang. Buffers lines up to a limit; drops and counts the rest. */

import type { Writable } from "node:stream";
import { guard, reportFault } from "./guard.ts";

/** Bytes buffered for the reader, which hold some thousand lines. */
export const DEFAULT_LINE_BUFFER = 1024 * 1024;

export interface LineWriterOptions {
  /** Returns a line that reports dropped lines, written once the reader reads again. By default, none is written. */
  readonly describeDropped?: (count: number) => string;
  /** Bytes that wait for the reader; further lines are dropped. 1 MiB by default. */
  readonly limit?: number | undefined;
}

export class LineWriter {
  readonly #output: Writable;
  readonly #options: LineWriterOptions;
  readonly #limit: number;
  /** Lines that were dropped and not reported yet. */
  #unreported = 0;
  #dropped = 0;

  constructor(output: Writable, options: LineWriterOptions = {}) {
    this.#output = output;
    this.#options = options;
    this.#limit = options.limit ?? DEFAULT_LINE_BUFFER;
    output.on(
      "drain",
      guard("line writer", reportFault, () => this.#reportDropped()),
    );
  }

  /** All lines that were dropped. */
  get dropped(): number {
    return this.#dropped;
  }

  write(line: string): void {
    // The server keeps running if the reader has gone away.
    if (this.#output.destroyed || this.#output.writableLength >= this.#limit) {
      this.#dropped += 1;
      this.#unreported += 1;
      return;
    }
    this.#reportDropped();
    this.#output.write(`${line}\n`);
  }

  #reportDropped(): void {
    const { describeDropped } = this.#options;
    if (this.#unreported === 0 || this.#output.destroyed || describeDropped === undefined) return;
    const count = this.#unreported;
    this.#unreported = 0;
    this.#output.write(`${describeDropped(count)}\n`);
  }
}
