/**
 * The scheduler tree of a connection. Urgency levels (RFC 9218 §4.1) hold requests and sessions, a session holds
 * groups, and a group holds its streams in send order. Protocols place the nodes; the tree decides who sends next.
 *
 * Within a level, incremental requests and sessions take turns, packet by packet. Non-incremental requests are sent one
 * after another (RFC 9218 §10) and share one turn, so that neither kind starves the other; but the first packet of each goes
 * ahead, since it holds the head of a response. A level waits until all more urgent ones have nothing to send.
 */

import { Branch, Demand, type Leaf, move, type SchedulerNode } from "./nodes.ts";

const LEVELS = 8;
/** Before all sequences, which are not positive. */
const AHEAD = 1;

/** RFC 9218 §4.1. */
const DEFAULT_URGENCY = 3;

/** Streams sorted by send order, the highest first; those with the same order take turns. */
export class SendGroup extends Branch {
  constructor(session: Branch) {
    super("in-order");
    move(this, session, 0);
  }
}

/** A session among the requests of its urgency. Its groups take turns. It disappears with its last stream. */
export class SendSession extends Branch {
  readonly #tree: SchedulerTree<unknown>;

  constructor(tree: SchedulerTree<unknown>, urgency: number) {
    super("round-robin");
    this.#tree = tree;
    this.setUrgency(urgency);
  }

  /** Moves the session among the requests of another urgency, 0 (first) to 7. */
  setUrgency(urgency: number): void {
    move(this, this.#tree.level(urgency), 0);
  }

  /** Opens a group, whose streams go by their send order. */
  openGroup(): SendGroup {
    return new SendGroup(this);
  }
}

/** A stream's place. Urgency is 0 (first) to 7. A higher send order goes first within its group. */
export type SendPriority =
  | { readonly urgency: number; readonly incremental: boolean }
  | { readonly group: SendGroup; readonly sendOrder: number };

/** All streams take turns. That is not the default of RFC 9218, which applies to HTTP requests. */
export const DEFAULT_PRIORITY: SendPriority = { urgency: DEFAULT_URGENCY, incremental: true };

class Level extends Branch {
  #sequential: Branch | undefined = undefined;

  constructor(root: Branch, urgency: number) {
    super("round-robin");
    move(this, root, -urgency);
  }

  /** The requests that are sent one after another. */
  get sequential(): Branch {
    if (this.#sequential === undefined) {
      this.#sequential = new Branch("in-order");
      move(this.#sequential, this, 0);
    }
    return this.#sequential;
  }
}

export class SchedulerTree<T> {
  readonly #root = new Branch("in-order");
  readonly #levels: (Level | undefined)[] = new Array<Level | undefined>(LEVELS).fill(undefined);
  #freshLeaves = 0;

  /** True if there is new data that only connection credit could release. */
  get hasFresh(): boolean {
    return this.#freshLeaves > 0;
  }

  level(urgency: number): Level {
    if (!Number.isInteger(urgency) || urgency < 0 || urgency >= LEVELS) {
      throw new RangeError(`invalid urgency ${urgency}: must be an integer from 0 to 7`);
    }
    this.#levels[urgency] ??= new Level(this.#root, urgency);
    return this.#levels[urgency];
  }

  openSession(urgency: number = DEFAULT_URGENCY): SendSession {
    return new SendSession(this as SchedulerTree<unknown>, urgency);
  }

  /** Moves a leaf to its place. `sequence` orders it among those that are sent one after another, the lowest first. */
  place(leaf: Leaf<T>, priority: SendPriority, sequence: number): void {
    leaf.sequence = undefined;
    if ("group" in priority) {
      if (Number.isNaN(priority.sendOrder)) throw new RangeError("the send order must be a number");
      if (rootOf(priority.group) !== this.#root) throw new RangeError("the group belongs to another connection");
      move(leaf, priority.group, priority.sendOrder);
      return;
    }
    const level = this.level(priority.urgency);
    if (priority.incremental) {
      move(leaf, level, 0);
      return;
    }
    leaf.sequence = -sequence;
    move(leaf, level.sequential, leaf.hasBegun ? leaf.sequence : AHEAD);
  }

  /** A leaf has sent something. */
  begin(leaf: Leaf<T>): void {
    if (leaf.hasBegun) return;
    leaf.hasBegun = true;
    if (leaf.sequence !== undefined) move(leaf, leaf.parent!, leaf.sequence);
  }

  setDemand(leaf: Leaf<T>, demand: Demand): void {
    if (demand === leaf.demand) return;
    if (leaf.demand === Demand.fresh) this.#freshLeaves -= 1;
    if (demand === Demand.fresh) this.#freshLeaves += 1;
    leaf.demand = demand;
    leaf.parent!.update(leaf, demand !== Demand.none, demand >= Demand.free, demand === Demand.repair);
  }

  /** The leaf whose turn it is, among all or among those that need no connection credit. */
  next(hasCredit: boolean): Leaf<T> | undefined {
    let node: SchedulerNode | undefined = this.#root;
    while (node !== undefined && !node.isLeaf) node = (node as Branch).next(hasCredit);
    return node as Leaf<T> | undefined;
  }

  /** A leaf has had its turn, and so has every branch above it. */
  rotate(leaf: Leaf<T>): void {
    for (let node: SchedulerNode = leaf; node.parent !== undefined; node = node.parent) node.parent.rotate(node);
  }
}

function rootOf(node: SchedulerNode): SchedulerNode {
  let root = node;
  while (root.parent !== undefined) root = root.parent;
  return root;
}
