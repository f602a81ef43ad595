/** The paths of a connection, and the order in which they send. */

import type { PathSpace } from "./path-space.ts";

/**
 * Orders the paths that may carry the next datagram, most preferred first. A blocked path yields its turn to the next.
 */
export interface PathChooser {
  order(paths: readonly PathSpace[]): readonly PathSpace[];
}

/** The order of opening. */
const inOrder: PathChooser = { order: (paths) => paths };

export class Paths {
  /** Also carries the handshake. */
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
    if (this.#all.some((other) => other.id === path.id)) throw new RangeError(`path ${path.id} is already open`);
    this.#all = [...this.#all, path];
  }

  /** The path that the connection id with this key belongs to. */
  byDestination(key: string): PathSpace {
    for (const path of this.#all) if (path !== this.primary && path.localIds.has(key)) return path;
    return this.primary;
  }
}
