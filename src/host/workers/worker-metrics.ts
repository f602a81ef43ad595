/**
 * The metrics of a supervisor's workers. A worker that has ended keeps its counts here, because a sum that shrinks would look
 * like a restart to Prometheus, and its next increase would be far too large.
 */

import {
  countersOf,
  type Exposition,
  formatExposition,
  mergeExpositions,
  parseExposition,
} from "../metrics/exposition.ts";

export class WorkerMetrics {
  /** The last text of each running worker, by its process id. */
  readonly #last = new Map<number, string>();
  #ended: Exposition = new Map();

  set(pid: number, text: string): void {
    this.#last.set(pid, text);
  }

  /** A worker has ended: its counts stay, its state does not. */
  end(pid: number): void {
    const text = this.#last.get(pid);
    this.#last.delete(pid);
    if (text !== undefined) this.#ended = mergeExpositions([this.#ended, countersOf(parseExposition(text))]);
  }

  /** One text for each running worker, and one for all that have ended. */
  get texts(): readonly string[] {
    return [...this.#last.values(), formatExposition(this.#ended)];
  }
}
