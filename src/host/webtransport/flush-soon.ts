/** Sends what is written in one go together: at the end of the current task. */

import { type Fault, guard } from "../guard.ts";

export class FlushSoon {
  readonly #run: () => void;
  #isScheduled = false;

  constructor(flush: () => void, onFault: (fault: Fault) => void) {
    this.#run = guard("webtransport flush", onFault, () => {
      this.#isScheduled = false;
      flush();
    });
  }

  schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    queueMicrotask(this.#run);
  }
}
