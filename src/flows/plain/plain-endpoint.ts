/**
 * Flows in bare datagrams, for the simulator: nothing authenticates a peer or hides what it says. One session for each remote address;
 * a packet from a new one begins a session if the endpoint listens.
 */

import {
  type DatagramMachine,
  Ecn,
  type ReceivedBatch,
  type SlotWriter,
  type SocketAddress,
  type SocketCommand,
  type Transmit,
} from "../../base/datagrams.ts";
import { earliest, type Instant } from "../../base/time.ts";
import type { FlowEvent } from "../session/events.ts";
import { FlowSession, type FlowSessionOptions } from "../session/session.ts";

/** Sessions that strangers may begin. */
const MAX_SESSIONS = 1_024;

/** What a session of the endpoint tells. */
export interface PlainFlowEvent {
  readonly session: FlowSession;
  readonly remote: SocketAddress;
  readonly event: FlowEvent;
}

export interface PlainFlowOptions {
  /** Takes sessions that others begin. */
  readonly listens: boolean;
  readonly session?: Omit<FlowSessionOptions, "isServer" | "hasChecksums">;
}

interface Entry {
  readonly session: FlowSession;
  readonly remote: SocketAddress;
}

export class PlainFlowEndpoint implements DatagramMachine<PlainFlowEvent> {
  onReady: (() => void) | undefined;
  readonly #options: PlainFlowOptions;
  readonly #entries = new Map<string, Entry>();

  constructor(options: PlainFlowOptions) {
    this.#options = options;
  }

  get sessions(): number {
    return this.#entries.size;
  }

  /** Begins a session. */
  connect(remote: SocketAddress): FlowSession {
    return this.#add(remote, false).session;
  }

  handleBatch(received: ReceivedBatch, now: Instant): void {
    for (let index = 0; index < received.count; index += 1) {
      const remote = received.remote[index]!;
      const entry = this.#entries.get(keyOf(remote)) ?? this.#accept(remote);
      if (entry === undefined) continue;
      const start = received.offset[index]!;
      entry.session.handlePacket(received.arena.subarray(start, start + received.length[index]!), now);
    }
  }

  handleTimeout(now: Instant): void {
    for (const { session } of this.#entries.values()) {
      const due = session.nextTimeout();
      if (due !== undefined && due <= now) session.handleTimeout(now);
    }
  }

  nextTimeout(): Instant | undefined {
    let next: Instant | undefined;
    for (const { session } of this.#entries.values()) next = earliest(next, session.nextTimeout());
    return next;
  }

  pollTransmit(slots: SlotWriter, _maxSegments: number, now: Instant): Transmit | undefined {
    for (const { session, remote } of this.#entries.values()) {
      const length = session.pollPacket(slots.arena, now);
      if (length === undefined) continue;
      return { local: undefined, remote, ecn: Ecn.notEct, segmentSize: length, count: 1, length };
    }
    return undefined;
  }

  handleSent(): void {}

  pollEvent(): PlainFlowEvent | undefined {
    for (const [key, { session, remote }] of this.#entries) {
      const event = session.pollEvent();
      if (event === undefined) continue;
      // An end of ours is remembered, to repeat it to a peer that did not hear it.
      if (event.type === "session-closed" && !event.isOurs) this.#entries.delete(key);
      return { session, remote, event };
    }
    return undefined;
  }

  pollCommand(): SocketCommand | undefined {
    return undefined;
  }

  #accept(remote: SocketAddress): Entry | undefined {
    if (!this.#options.listens || this.#entries.size >= MAX_SESSIONS) return undefined;
    return this.#add(remote, true);
  }

  #add(remote: SocketAddress, isServer: boolean): Entry {
    // Nothing else protects what is carried.
    const session = new FlowSession({ ...this.#options.session, isServer, hasChecksums: true });
    const entry = { session, remote };
    this.#entries.set(keyOf(remote), entry);
    return entry;
  }
}

const keyOf = ({ host, port }: SocketAddress): string => `${host} ${port}`;
