/**
 * The nodes of the scheduler tree. A leaf is something that sends; a branch gives its children turns. Only nodes that
 * can send have a seat in their parent, so that selection never visits idle nodes.
 */

import { InOrder, RoundRobin, Seat, type Turns } from "./turns.ts";

/** What a leaf can send now. */
export const Demand = {
  none: 0,
  /** New data, which needs connection flow control credit. */
  fresh: 1,
  /** Something that needs no credit, such as a datagram. */
  free: 2,
  /** Lost data, or a FIN without data: needs no credit and goes first among nodes of equal rank. */
  repair: 3,
} as const;
export type Demand = (typeof Demand)[keyof typeof Demand];

export abstract class SchedulerNode {
  abstract readonly isLeaf: boolean;
  parent: Branch | undefined = undefined;
  /** Higher goes first if the parent sends in order. */
  order = 0;
  /** Its seat among all children that can send. */
  readonly seat: Seat<SchedulerNode> = new Seat<SchedulerNode>(this);
  isSeated = false;
  /** Its seat among those that can send without credit; most never need one. */
  freeSeat: Seat<SchedulerNode> | undefined = undefined;
  isFreeSeated = false;
  isAhead = false;
}

export class Leaf<T> extends SchedulerNode {
  readonly isLeaf = true;
  readonly value: T;
  demand: Demand = Demand.none;
  /** False until it has sent something. */
  hasBegun = false;
  /** Its order among those that are sent one after another; undefined if it is not among them. */
  sequence: number | undefined = undefined;

  constructor(value: T) {
    super();
    this.value = value;
  }
}

export type Policy = "round-robin" | "in-order";

const turns = (policy: Policy): Turns<SchedulerNode> =>
  policy === "in-order" ? new InOrder<SchedulerNode>() : new RoundRobin<SchedulerNode>();

export class Branch extends SchedulerNode {
  readonly isLeaf = false;
  /** Every child that can send while the connection has credit. */
  readonly #all: Turns<SchedulerNode>;
  /** Children that can send without credit; most branches never have one. */
  #free: Turns<SchedulerNode> | undefined = undefined;
  readonly #policy: Policy;

  constructor(policy: Policy) {
    super();
    this.#policy = policy;
    this.#all = turns(policy);
  }

  next(hasCredit: boolean): SchedulerNode | undefined {
    return hasCredit ? this.#all.first : this.#free?.first;
  }

  /** Seats a child according to what it can send now, and this branch in its own parent. */
  update(child: SchedulerNode, canSend: boolean, needsNoCredit: boolean, isAhead: boolean): void {
    const isMoved = isAhead !== child.isAhead;
    child.isAhead = isAhead;
    if (isMoved || canSend !== child.isSeated) {
      if (child.isSeated) this.#all.remove(child.seat);
      if (canSend) this.#all.place(child.seat, isAhead);
      child.isSeated = canSend;
    }
    if (needsNoCredit !== child.isFreeSeated || (isMoved && needsNoCredit)) {
      child.freeSeat ??= new Seat<SchedulerNode>(child);
      this.#free ??= turns(this.#policy);
      if (child.isFreeSeated) this.#free.remove(child.freeSeat);
      if (needsNoCredit) this.#free.place(child.freeSeat, isAhead);
      child.isFreeSeated = needsNoCredit;
    }
    const isActive = this.#all.first !== undefined;
    const isFree = this.#free?.first !== undefined;
    if (isActive !== this.isSeated || isFree !== this.isFreeSeated) this.parent?.update(this, isActive, isFree, false);
  }

  /** A child has had its turn. */
  rotate(child: SchedulerNode): void {
    if (child.isSeated) this.#all.rotate(child.seat);
    if (child.isFreeSeated) this.#free?.rotate(child.freeSeat!);
  }
}

/** Moves a node, with everything it can send, to another parent or to another position in the same one. */
export function move(node: SchedulerNode, parent: Branch, order: number): void {
  const { isSeated, isFreeSeated, isAhead } = node;
  node.parent?.update(node, false, false, false);
  node.parent = parent;
  node.order = order;
  parent.update(node, isSeated, isFreeSeated, isAhead);
}
