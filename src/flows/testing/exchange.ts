/** Nodes of a chain whose datagrams arrive at once, and a clock that the test moves. */

import { ReceivedBatch, type SocketAddress } from "../../base/datagrams.ts";
import { type Instant, instant, millis } from "../../base/time.ts";
import { type ChainNode, PlainFlowNode } from "../plain/plain-node.ts";
import type { FlowEvent } from "../session/events.ts";
import type { FlowSession, FlowSessionOptions } from "../session/session.ts";

export const addressOf = (name: string): SocketAddress => ({ family: 4, host: name, port: 1 });

type Build = (connect: (to: string, path?: readonly number[]) => FlowSession) => ChainNode;

export class Exchange {
  now: Instant = instant(1_000_000);
  readonly #nodes = new Map<string, PlainFlowNode>();
  readonly #batch = new ReceivedBatch(new Uint8Array(65_536), 64);
  readonly #slots = { arena: new Uint8Array(2_048) };

  add<Node extends ChainNode>(
    name: string,
    build: (connect: Parameters<Build>[0]) => Node,
    options?: NodeOptions,
  ): Node {
    let made: Node | undefined;
    const node = new PlainFlowNode((connect) => {
      made = build((to, path = []) => connect(addressOf(to), path));
      return made;
    }, options);
    this.#nodes.set(name, node);
    return made!;
  }

  /** The node is gone, and with it all that it knew. */
  crash(name: string): void {
    this.#nodes.delete(name);
  }

  /** Sessions of a node. */
  sessions(name: string): number {
    return this.#nodes.get(name)!.sessions;
  }

  /** Carries datagrams until nothing more is sent. */
  settle(): void {
    for (let isBusy = true; isBusy; ) {
      isBusy = false;
      for (const [name, node] of this.#nodes) {
        for (;;) {
          const sent = node.pollTransmit(this.#slots, 1, this.now);
          if (sent === undefined) break;
          isBusy = true;
          this.#batch.push(this.#slots.arena.slice(0, sent.length), sent.remote, addressOf(name), 0);
          this.#nodes.get(sent.remote.host)?.handleBatch(this.#batch, this.now);
          this.#batch.clear();
        }
      }
    }
  }

  /** Lets time pass in steps of a millisecond. */
  pass(milliseconds: number): void {
    for (let n = 0; n < milliseconds; n += 1) {
      this.now = instant(this.now + millis(1));
      for (const node of this.#nodes.values()) {
        const due = node.nextTimeout();
        if (due !== undefined && due <= this.now) node.handleTimeout(this.now);
      }
      this.settle();
    }
  }
}

type NodeOptions = Omit<FlowSessionOptions, "isServer" | "hasChecksums">;

/** A node that does nothing by itself: the test has its sessions, and what they told. */
export class BareNode implements ChainNode {
  readonly sessions: FlowSession[] = [];
  readonly events: FlowEvent[] = [];

  /** The session that came last. */
  get session(): FlowSession {
    return this.sessions.at(-1)!;
  }

  /** Events of a type. */
  of<Type extends FlowEvent["type"]>(type: Type): Extract<FlowEvent, { type: Type }>[] {
    return this.events.filter((each) => each.type === type) as Extract<FlowEvent, { type: Type }>[];
  }

  accept(session: FlowSession): void {
    this.sessions.push(session);
  }

  handle(session: FlowSession): void {
    for (let event = session.pollEvent(); event !== undefined; event = session.pollEvent()) this.events.push(event);
  }

  nextTimeout(): undefined {
    return undefined;
  }

  handleTimeout(): void {}
}
