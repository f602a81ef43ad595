/** Watches a file, and calls back when it has changed and rests. */

import { fileState } from "./file-state.ts";
import { type Fault, guard } from "./guard.ts";
import { Timer } from "./timer.ts";

const INTERVAL = 250;

export interface FileWatchOptions {
  /** Called when the state is the same at two looks, and differs from that at the last call. */
  readonly onChange: () => void;
  readonly onFault: (fault: Fault) => void;
  /** Milliseconds between two looks. */
  readonly interval?: number | undefined;
}

export class FileWatch {
  readonly #path: string;
  readonly #options: FileWatchOptions;
  #known: string;
  #seen: string;
  #timer: Timer | undefined;
  #isClosed = false;

  /** Does not keep the process alive. */
  constructor(path: string, options: FileWatchOptions) {
    this.#path = path;
    this.#options = options;
    this.#known = fileState(path);
    this.#seen = this.#known;
    this.#arm();
  }

  close(): void {
    this.#isClosed = true;
    this.#timer?.clear();
  }

  #look(): void {
    const state = fileState(this.#path);
    const isAtRest = state === this.#seen;
    this.#seen = state;
    this.#arm();
    if (!isAtRest || state === this.#known) return;
    this.#known = state;
    this.#options.onChange();
  }

  #arm(): void {
    if (this.#isClosed) return;
    this.#timer = new Timer(
      guard("file watch", this.#options.onFault, () => this.#look()),
      this.#options.interval ?? INTERVAL,
    ).unref();
  }
}
