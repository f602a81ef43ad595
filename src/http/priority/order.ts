/**
 * Whose turn it is among the responses of a connection that has no streams of its own for them, such as HTTP/2's: the
 * scheduler of QUIC's streams, by RFC 9218 §10.
 */

import { Demand, Leaf, SchedulerTree } from "../../quic/scheduler/index.ts";
import type { Priority } from "./field.ts";

/** One response among the others. */
export interface Turn<T> {
  readonly value: T;
}

/** The responses of a connection, in the order in which to send them. */
export class ResponseOrder<T> {
  readonly #tree = new SchedulerTree<T>();

  /** Adds a response, which has nothing to send yet. `sequence` is its age among those that go one after another: the lowest first. */
  add(value: T, priority: Priority, sequence: number): Turn<T> {
    const leaf = new Leaf<T>(value);
    // Heads do not wait here, so content need not go ahead.
    leaf.hasBegun = true;
    this.#tree.place(leaf, priority, sequence);
    return leaf;
  }

  /** Gives a response another place. */
  place(turn: Turn<T>, priority: Priority, sequence: number): void {
    this.#tree.place(turn as Leaf<T>, priority, sequence);
  }

  /** Says whether a response has something to send now. */
  setReady(turn: Turn<T>, isReady: boolean): void {
    this.#tree.setDemand(turn as Leaf<T>, isReady ? Demand.fresh : Demand.none);
  }

  /** The response whose turn it is; undefined if none has anything to send. */
  next(): Turn<T> | undefined {
    return this.#tree.next(true);
  }

  /** A response has had its turn: others of its kind come next. */
  rotate(turn: Turn<T>): void {
    this.#tree.rotate(turn as Leaf<T>);
  }
}
