/** Two sessions whose packets arrive at once, for tests that need no network. */

import { type Instant, instant, millis } from "../../base/time.ts";
import { packetBytes } from "../packet/emit.ts";
import { parsePacket } from "../packet/parse.ts";
import { PacketFlag, type Unit } from "../packet/types.ts";
import type { FlowEvent } from "../session/events.ts";
import { FlowSession, type FlowSessionOptions } from "../session/session.ts";

const SCRATCH = 2_048;

export class Pipe {
  readonly client: FlowSession;
  readonly server: FlowSession;
  readonly clientEvents: FlowEvent[] = [];
  readonly serverEvents: FlowEvent[] = [];
  /** What the client sent, unit by unit. */
  readonly units: Unit[] = [];
  now: Instant = instant(1_000_000);
  #sequence = 0;

  constructor(options: Omit<FlowSessionOptions, "isServer"> = {}) {
    this.client = new FlowSession({ ...options, isServer: false });
    this.server = new FlowSession({ ...options, isServer: true });
  }

  /** Carries packets until both sides are silent. */
  settle(): void {
    for (let isBusy = true; isBusy; ) {
      const sent = this.#carry(this.client, this.server, this.units) + this.#carry(this.server, this.client, []);
      isBusy = sent > 0;
      this.#drain();
    }
  }

  /** Lets time pass in steps of a millisecond. */
  pass(milliseconds: number): void {
    for (let n = 0; n < milliseconds; n += 1) {
      this.now = instant(this.now + millis(1));
      for (const session of [this.client, this.server]) {
        const due = session.nextTimeout();
        if (due !== undefined && due <= this.now) session.handleTimeout(this.now);
      }
      this.settle();
    }
  }

  /** Gives the server a packet of a client that obeys no rules. */
  inject(...units: Unit[]): void {
    const head = { flags: PacketFlag.ackRequested, sequence: 1_000_000 + this.#sequence, timestamp: 62_500 };
    this.#sequence += 1;
    this.server.handlePacket(packetBytes(head, units), this.now);
    this.#drain();
  }

  #carry(from: FlowSession, to: FlowSession, units: Unit[]): number {
    let count = 0;
    for (;;) {
      // Every packet in memory of its own: nothing may keep a view of one.
      const bytes = new Uint8Array(SCRATCH);
      const length = from.pollPacket(bytes, this.now);
      if (length === undefined) return count;
      count += 1;
      units.push(...parsePacket(bytes.slice(0, length)).units);
      to.handlePacket(bytes.subarray(0, length), this.now);
      bytes.fill(0xee);
    }
  }

  #drain(): void {
    for (let event = this.client.pollEvent(); event !== undefined; event = this.client.pollEvent()) {
      this.clientEvents.push(event);
    }
    for (let event = this.server.pollEvent(); event !== undefined; event = this.server.pollEvent()) {
      this.serverEvents.push(event);
    }
  }
}
