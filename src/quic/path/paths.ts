/** The paths of a connection, and which of them sends next. */

import type { PathSpace } from "./path-space.ts";

/** Which paths may carry the next datagram, most wanted first. A path that is blocked leaves its turn to the next. */
export interface PathChooser {
  order(paths: readonly PathSpace[]): readonly PathSpace[];
}

/** In the order in which they were opened. */
const inOrder: PathChooser = { order: (paths) => paths };

export class Paths {
  /** Carries the handshake too. */
  readonly primary: PathSpace;
  chooser: PathChooser = inOrder;
  #all: readonly PathSpace[];

  constructor(primary: PathSpace) {
    this.primary = primary;
    this.#all = [primary];
  }

  get all(): readonly PathSpace[] {
    return this.#all;
  }

  get inSendOrder(): readonly PathSpace[] {
    return this.#all.length === 1 ? this.#all : this.chooser.order(this.#all);
  }

  open(path: PathSpace): void {
    if (this.#all.some((other) => other.id === path.id)) throw new RangeError(`path ${path.id} is open already`);
    this.#all = [...this.#all, path];
  }

  /** The path whose packets are sent to the connection id of ours with this key. */
  byDestination(key: string): PathSpace {
    for (const path of this.#all) if (path !== this.primary && path.localIds.has(key)) return path;
    return this.primary;
  }
}
