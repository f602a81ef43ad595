/** The maximum of a value over a window of virtual time, such as round trips or probing cycles. */

interface Entry {
  readonly time: number;
  readonly value: number;
}

export class MaxFilter {
  /** Descending values, ascending times: an older and smaller value can never become the maximum again. */
  #entries: Entry[] = [];

  get max(): number {
    return this.#entries[0]?.value ?? 0;
  }

  /** Adds a value at `time`, which never decreases, and drops values `length` or more before it. */
  add(value: number, time: number, length: number): void {
    while (this.#entries.length > 0 && this.#entries.at(-1)!.value <= value) this.#entries.pop();
    this.#entries.push({ time, value });
    while (this.#entries[0]!.time <= time - length) this.#entries.shift();
  }
}
