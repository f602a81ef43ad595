/**
 * The connections of an endpoint: by their ids and by the tokens of stateless resets, and the two queues of those that
 * have events to poll or something to send. No turn scans all connections.
 */

import { Queue, QueueNode } from "../../base/queue.ts";
import { HeapTimer, TimerHeap } from "../../base/timer-heap.ts";
import { BatchPool, type Connection, type ConnectionHost, InboundBatchPool } from "../connection/index.ts";
import { type ConnectionId, connectionIdKey } from "../packet/connection-id.ts";
import type { ConnectionIdGenerator } from "../packet/connection-id-generator.ts";
import type { IssuedConnectionId } from "../path/index.ts";
import type { ResetTokens } from "./reset-tokens.ts";

/** A connection's place in the endpoint's tables and queues, and what the connection knows of its endpoint. */
export class Entry implements ConnectionHost {
  connection!: Connection;
  readonly inbound: InboundBatchPool;
  readonly outbound: BatchPool;
  readonly #table: ConnectionTable;
  readonly timer: HeapTimer<Entry> = new HeapTimer<Entry>(this);
  /** All ids that lead to this entry: a handful, for which a set would take twice the memory. */
  keys: readonly string[] = [];
  /** Its key among the reset tokens. */
  tokenKey: string | undefined;
  /** Its place in the queue of connections with events to poll. */
  readonly eventful: QueueNode<Entry> = new QueueNode<Entry>(this);
  /** Its place in the queue of connections that may have something to send. */
  readonly sendable: QueueNode<Entry> = new QueueNode<Entry>(this);
  /** True if the current batch created it. */
  isNew = false;
  isAccepted = false;
  isHalfOpen = false;

  constructor(table: ConnectionTable) {
    this.#table = table;
    this.inbound = table.inbound;
    this.outbound = table.outbound;
  }

  issue(): IssuedConnectionId {
    return this.#table.issue(this);
  }

  retire(id: ConnectionId): void {
    this.#table.unmap(this, id.key);
  }

  onWake(): void {
    this.#table.wake(this);
  }

  onResetToken(token: Uint8Array | undefined): void {
    this.#table.setResetToken(this, token);
  }
}

export interface ConnectionTableOptions {
  readonly connectionIds: ConnectionIdGenerator;
  readonly resetTokens: ResetTokens;
  /** Called when a connection wakes up. */
  readonly announce: () => void;
}

export class ConnectionTable {
  readonly inbound: InboundBatchPool = new InboundBatchPool();
  readonly outbound: BatchPool = new BatchPool();
  readonly timers: TimerHeap<Entry> = new TimerHeap<Entry>();
  readonly eventful: Queue<Entry> = new Queue<Entry>();
  readonly sendable: Queue<Entry> = new Queue<Entry>();
  readonly #options: ConnectionTableOptions;
  readonly #entries = new Set<Entry>();
  readonly #byId = new Map<string, Entry>();
  /** Keyed by a keyed hash of the token, so that the timing of a lookup reveals nothing about it (RFC 9000 §10.3.1). */
  readonly #byResetToken = new Map<string, Entry>();
  #halfOpen = 0;

  constructor(options: ConnectionTableOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** The number of unfinished handshakes of clients. */
  get halfOpen(): number {
    return this.#halfOpen;
  }

  [Symbol.iterator](): IterableIterator<Entry> {
    return this.#entries.values();
  }

  byId(key: string): Entry | undefined {
    return this.#byId.get(key);
  }

  /** The connection that a stateless reset with this token ends. */
  byResetToken(token: () => Uint8Array): Entry | undefined {
    if (this.#byResetToken.size === 0) return undefined;
    return this.#byResetToken.get(this.#tokenKey(token()));
  }

  issue(entry: Entry): IssuedConnectionId {
    const { connectionIds, resetTokens } = this.#options;
    let id = connectionIds.generate();
    while (this.#byId.has(id.key)) id = connectionIds.generate();
    this.map(entry, id);
    return { id, resetToken: resetTokens.of(id.bytes) };
  }

  map(entry: Entry, id: ConnectionId): void {
    entry.keys = entry.keys.concat(id.key);
    this.#byId.set(id.key, entry);
  }

  unmap(entry: Entry, key: string): void {
    entry.keys = entry.keys.filter((other) => other !== key);
    this.#byId.delete(key);
  }

  setResetToken(entry: Entry, token: Uint8Array | undefined): void {
    this.#forgetToken(entry);
    if (token === undefined) return;
    entry.tokenKey = this.#tokenKey(token);
    this.#byResetToken.set(entry.tokenKey, entry);
  }

  #tokenKey(token: Uint8Array): string {
    return connectionIdKey(this.#options.resetTokens.hash(token), 0, 16);
  }

  /** Each connection has one token, however often a peer changes its ids (RFC 9000 §10.3.1). */
  #forgetToken(entry: Entry): void {
    const { tokenKey } = entry;
    if (tokenKey !== undefined && this.#byResetToken.get(tokenKey) === entry) this.#byResetToken.delete(tokenKey);
  }

  /** `isHalfOpen`: its handshake is one of a client, and not finished. */
  add(entry: Entry, isHalfOpen: boolean): void {
    entry.isHalfOpen = isHalfOpen;
    if (isHalfOpen) this.#halfOpen += 1;
    this.#entries.add(entry);
    this.wake(entry);
  }

  wake(entry: Entry): void {
    if (!this.#entries.has(entry)) return;
    entry.eventful.moveTo(this.eventful);
    entry.sendable.moveTo(this.sendable);
    this.#options.announce();
  }

  noLongerHalfOpen(entry: Entry): void {
    if (!entry.isHalfOpen) return;
    entry.isHalfOpen = false;
    this.#halfOpen -= 1;
  }

  /** Removes the connection from all tables, and from both queues. */
  forget(entry: Entry): void {
    entry.eventful.moveTo(undefined);
    entry.sendable.moveTo(undefined);
    this.remove(entry);
  }

  /** Removes the connection from all tables; its last events can still be polled. */
  remove(entry: Entry): void {
    this.timers.set(entry.timer, undefined);
    this.noLongerHalfOpen(entry);
    for (const key of entry.keys) if (this.#byId.get(key) === entry) this.#byId.delete(key);
    this.#forgetToken(entry);
    this.#entries.delete(entry);
    entry.connection?.free();
  }
}
