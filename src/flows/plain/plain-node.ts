/**
 * A node of a chain in bare datagrams, for the simulator: an origin, a relay or a destination with all its sessions. Four bytes before each
 * packet name the session, as a connection id or a DTLS association would: a peer may begin another one from the same address.
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
import { Reader } from "../../wire/reader.ts";
import { Writer } from "../../wire/writer.ts";
import { FlowSession, type FlowSessionOptions } from "../session/session.ts";

/** Sessions that strangers may begin. */
const MAX_SESSIONS = 1_024;
const TAG = 4;
/** In the tags of packets from the side that did not begin the session: both sides of a pair may use the same numbers. */
const FROM_SERVER = 0x8000_0000;

/** What ChainOrigin, FlowRelay and ChainDestination have in common. */
export interface ChainNode {
  /** A peer has begun a session. Undefined if the node only begins sessions itself. */
  accept?(session: FlowSession): unknown;
  /** The session has got a packet, or a timeout. */
  handle(session: FlowSession, now: Instant): void;
  /** When to call `handleTimeout`; undefined for never. */
  nextTimeout(): Instant | undefined;
  /** Does what is due. */
  handleTimeout(now: Instant): void;
}

interface Entry {
  readonly session: FlowSession;
  readonly remote: SocketAddress;
  /** In the packets of the peer. */
  readonly tag: number;
}

/** A node of a chain with all its sessions. */
export class PlainFlowNode implements DatagramMachine<never> {
  onReady: (() => void) | undefined;
  readonly #node: ChainNode;
  readonly #options: Omit<FlowSessionOptions, "isServer" | "hasChecksums">;
  readonly #entries = new Map<string, Entry>();
  #next: number;

  /** `build` gets what the node needs to begin sessions. `firstTag` is different after each start of the node. */
  constructor(
    build: (connect: (remote: SocketAddress, path: readonly number[]) => FlowSession) => ChainNode,
    options: Omit<FlowSessionOptions, "isServer" | "hasChecksums"> = {},
    firstTag = 1,
  ) {
    this.#options = options;
    this.#next = firstTag;
    this.#node = build((remote, path) => this.#connect(remote, path));
  }

  get sessions(): number {
    return this.#entries.size;
  }

  handleBatch(received: ReceivedBatch, now: Instant): void {
    for (let index = 0; index < received.count; index += 1) {
      const [start, length] = [received.offset[index]!, received.length[index]!];
      if (length < TAG) continue;
      const tag = new Reader(received.arena, start, start + TAG).uint32();
      const remote = received.remote[index]!;
      const entry =
        this.#entries.get(keyOf(remote, tag)) ?? (tag < FROM_SERVER ? this.#accept(remote, tag) : undefined);
      if (entry === undefined) continue;
      entry.session.handlePacket(received.arena.subarray(start + TAG, start + length), now);
      this.#node.handle(entry.session, now);
    }
  }

  handleTimeout(now: Instant): void {
    for (const { session } of this.#entries.values()) {
      const due = session.nextTimeout();
      if (due === undefined || due > now) continue;
      session.handleTimeout(now);
      this.#node.handle(session, now);
    }
    const due = this.#node.nextTimeout();
    if (due !== undefined && due <= now) this.#node.handleTimeout(now);
  }

  nextTimeout(): Instant | undefined {
    let next = this.#node.nextTimeout();
    for (const { session } of this.#entries.values()) next = earliest(next, session.nextTimeout());
    return next;
  }

  pollTransmit(slots: SlotWriter, _maxSegments: number, now: Instant): Transmit | undefined {
    for (const [key, { session, remote, tag }] of this.#entries) {
      const packet = session.pollPacket(slots.arena.subarray(TAG), now);
      if (packet === undefined) {
        if (session.closed !== undefined) this.#entries.delete(key);
        continue;
      }
      new Writer(slots.arena).uint32(tag < FROM_SERVER ? tag + FROM_SERVER : tag - FROM_SERVER);
      const length = packet + TAG;
      return { local: undefined, remote, ecn: Ecn.notEct, segmentSize: length, count: 1, length };
    }
    return undefined;
  }

  handleSent(): void {}

  pollEvent(): undefined {
    return undefined;
  }

  pollCommand(): SocketCommand | undefined {
    return undefined;
  }

  #connect(remote: SocketAddress, path: readonly number[]): FlowSession {
    // As it stands in the packets that come.
    const tag = FROM_SERVER + this.#next;
    this.#next += 1;
    return this.#add(remote, tag, false, path).session;
  }

  #accept(remote: SocketAddress, tag: number): Entry | undefined {
    if (this.#node.accept === undefined || this.#entries.size >= MAX_SESSIONS) return undefined;
    const entry = this.#add(remote, tag, true, []);
    if (this.#node.accept(entry.session) !== false) return entry;
    this.#entries.delete(keyOf(remote, tag));
    return undefined;
  }

  #add(remote: SocketAddress, tag: number, isServer: boolean, path: readonly number[]): Entry {
    // Nothing else protects what is carried.
    const session = new FlowSession({ ...this.#options, path, isServer, hasChecksums: true });
    const entry = { session, remote, tag };
    this.#entries.set(keyOf(remote, tag), entry);
    return entry;
  }
}

const keyOf = ({ host, port }: SocketAddress, tag: number): string => `${host} ${port} ${tag}`;
