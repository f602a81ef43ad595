/**
 * All QUIC connections of one endpoint. Routes datagrams to connections, accepts new ones, responds to datagrams that
 * belong to none, and keeps the two queues (events, transmissions) and the timer heap, so that nothing is ever scanned.
 */

import type { DatagramMachine, ReceivedBatch, SlotWriter, SocketCommand, Transmit } from "../../base/datagrams.ts";
import { randomBytes } from "../../base/rng.ts";
import type { Instant } from "../../base/time.ts";
import type { VarInt } from "../../wire/varint.ts";
import { Connection, type ConnectionConfig } from "../connection/index.ts";
import { ConnectionId, ConnectionIdKeys } from "../packet/connection-id.ts";
import { QUIC_BIT } from "../packet/quic-bit.ts";
import { preferredVersion } from "../versions/index.ts";
import { Acceptor, type Admission } from "./acceptor.ts";
import { ConnectionTable, Entry } from "./connection-table.ts";
import type { ConnectOptions, EndpointEvent, EndpointOptions } from "./options.ts";
import { ResetTokens } from "./reset-tokens.ts";
import { StatelessReplies } from "./stateless-replies.ts";

const HEADER_FORM = 0x80;
/** Datagrams without a connection that are processed per batch; others are dropped. */
const MAX_STRAYS = 16;

export class Endpoint implements DatagramMachine<EndpointEvent> {
  readonly #config: ConnectionConfig;
  readonly #trace: EndpointOptions["trace"];
  readonly #traceEndpoint: EndpointOptions["traceEndpoint"];
  readonly #acceptor: Acceptor | undefined;
  readonly #replies: StatelessReplies;
  readonly #table: ConnectionTable;
  readonly #keys = new ConnectionIdKeys();
  /** The sender of the last train from `pollTransmit`; undefined if that was a stateless reply. */
  #lastSender: Connection | undefined;
  /** Indices in the current batch of datagrams without a connection. */
  readonly #strays: number[] = [];
  #isReplyTurn = true;
  isAccepting = true;
  /** Asked for each datagram of no connection here: true if another process of this server takes it. */
  handOver: ((received: ReceivedBatch, index: number, now: Instant) => boolean) | undefined;
  onReady: (() => void) | undefined;
  /** RFC 9000 §14: UDP datagrams must not be fragmented, otherwise a probe would say nothing about the path. */
  readonly #commands: SocketCommand[] = [{ type: "set-dont-fragment", enabled: true }];
  /** True if `onReady` was called, and neither queue has been drained since. */
  #isAnnounced = false;
  /** Called with an exception that no connection could handle. It costs one datagram, or the affected connection. */
  onFault: ((error: Error) => void) | undefined;

  constructor(options: EndpointOptions) {
    this.#config = options.config;
    this.#trace = options.trace;
    this.#traceEndpoint = options.traceEndpoint;
    const { engine, connectionIds, rng } = options.config;
    const resetTokens = new ResetTokens(engine, connectionIds, options.staticSecret ?? randomBytes(rng, 32));
    this.#table = new ConnectionTable({ connectionIds, resetTokens, announce: () => this.#announce() });
    this.#replies = new StatelessReplies(options.config, resetTokens, options.traceEndpoint);
    if (options.server !== undefined) this.#acceptor = new Acceptor(options.config, options.server, this.#replies);
  }

  get connectionCount(): number {
    return this.#table.size;
  }

  /** All connections. */
  *connections(): IterableIterator<Connection> {
    for (const entry of this.#table) yield entry.connection;
  }

  /** Starts a client connection. Its first flight is sent with the next `pollTransmit`. */
  connect(options: ConnectOptions, now: Instant): Connection {
    // RFC 9000 §7.2: at least 8 unpredictable bytes.
    const destinationId = ConnectionId.random(this.#config.rng, 8);
    const entry = new Entry(this.#table);
    const source = entry.issue();
    const version = options.version ?? this.#config.versions?.[0] ?? preferredVersion;
    entry.connection = new Connection({
      role: "client",
      version,
      token: options.token?.(version),
      followsNegotiation: options.followsNegotiation === true,
      config: this.#config,
      local: options.local,
      remote: options.remote,
      sourceId: source.id,
      sourceResetToken: source.resetToken,
      destinationId,
      initialKeyId: destinationId,
      originalDestination: destinationId,
      isAddressValidated: true,
      createTls: (ownParameters, facts) => options.createTls(ownParameters(), facts),
      trace: this.#trace?.(destinationId, "client"),
      host: entry,
      now,
    });
    this.#table.add(entry, false);
    return entry.connection;
  }

  /** Closes all connections with an application error code. */
  closeAll(code: VarInt, phrase: string): void {
    for (const entry of this.#table) entry.connection.close(code, phrase);
  }

  /** Releases the keys of all connections. Must be called once nothing is received or sent any more. */
  free(): void {
    for (const entry of this.#table) entry.connection.free();
  }

  // ── Input ─────────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Takes the datagrams of one wake-up. */
  handleBatch(received: ReceivedBatch, now: Instant): void {
    this.#strays.length = 0;
    // Datagrams of one connection mostly arrive in runs; each run is handled in one call.
    let run: Entry | undefined;
    let from = 0;
    for (let i = 0; i < received.count; i += 1) {
      const entry = this.#routeSafely(received, i, now);
      if (entry === run && entry !== undefined) continue;
      if (run !== undefined) this.#handleRun(run, received, from, i, now);
      run = entry;
      from = i;
    }
    if (run !== undefined) this.#handleRun(run, received, from, received.count, now);
    // Strays come last, so that they do not delay connections.
    for (const stray of this.#strays) this.#handleStray(received, stray, now);
    if (this.#replies.pending > 0) this.#announce();
  }

  #handleRun(entry: Entry, received: ReceivedBatch, from: number, to: number, now: Instant): void {
    try {
      entry.connection.handleDatagrams(received, from, to, now);
    } catch (error) {
      this.#drop(entry, error);
    }
    if (entry.isNew) this.#judgeNew(entry, now);
    this.#table.wake(entry);
  }

  /** Removes a connection whose first Initial failed to decrypt: forging one costs the sender nothing. */
  #judgeNew(entry: Entry, now: Instant): void {
    entry.isNew = false;
    if (entry.connection.stats.packetsReceived > 0 || !entry.connection.isOpen) return;
    this.#acceptor!.onForgery(now);
    this.#table.forget(entry);
    entry.connection.abandon();
  }

  #routeSafely(received: ReceivedBatch, index: number, now: Instant): Entry | undefined {
    try {
      return this.#route(received, index, now);
    } catch (error) {
      this.#reportFault(error);
      return undefined;
    }
  }

  /** The connection that datagram `index` belongs to. A datagram that belongs to none is answered or dropped here. */
  #route(received: ReceivedBatch, index: number, now: Instant): Entry | undefined {
    const { arena } = received;
    const start = received.offset[index]!;
    const end = start + received.length[index]!;
    if (end - start < 1 + this.#config.connectionIds.length) return this.#ignore("invalid", end - start, now);
    const isLong = (arena[start]! & HEADER_FORM) !== 0;
    // RFC 9000 §17.3.1: not a packet for us, unless peers may clear the bit (RFC 9287).
    if (!isLong && (arena[start]! & QUIC_BIT) === 0 && !this.#config.greaseQuicBit) {
      return this.#ignore("invalid", end - start, now);
    }
    let id = start + 1;
    let idEnd = id + this.#config.connectionIds.length;
    if (isLong) {
      id = start + 6;
      idEnd = id + (arena[start + 5] ?? 0);
      if (idEnd > end) return this.#ignore("invalid", end - start, now);
    }
    const entry = this.#table.byId(this.#keys.keyOf(arena, id, idEnd));
    if (entry !== undefined) return entry;
    if (this.handOver?.(received, index, now) === true) return undefined;
    if (isLong) return this.#accept(received, index, now);
    if (this.#strays.length >= MAX_STRAYS) return this.#ignore("rejected", end - start, now);
    this.#strays.push(index);
    return undefined;
  }

  /** Drops a datagram of no connection. */
  #ignore(cause: "invalid" | "connection-unknown" | "rejected", size: number, now: Instant): undefined {
    this.#traceEndpoint?.({ type: "quic:endpoint-datagram-dropped", cause, size }, now);
  }

  #accept(received: ReceivedBatch, index: number, now: Instant): Entry | undefined {
    if (this.#acceptor === undefined) return this.#ignore("connection-unknown", received.length[index]!, now);
    const { pending } = this.#replies;
    const admission = this.#acceptor.evaluate(received, index, {
      isAccepting: this.isAccepting,
      halfOpen: this.#table.halfOpen,
      connections: this.#table.size,
      now,
    });
    if (admission === undefined) {
      if (this.#replies.pending === pending) this.#ignore("rejected", received.length[index]!, now);
      return undefined;
    }
    const entry = new Entry(this.#table);
    const source = entry.issue();
    try {
      entry.connection = this.#admit(entry, source, admission, received, index, now);
    } catch (error) {
      this.#table.remove(entry);
      throw error;
    }
    // The client keeps using the id that it chose until it has seen ours.
    this.#table.map(entry, admission.destination);
    entry.isNew = true;
    this.#table.add(entry, true);
    return entry;
  }

  #admit(
    entry: Entry,
    source: { readonly id: ConnectionId; readonly resetToken: Uint8Array },
    admission: Admission,
    received: ReceivedBatch,
    index: number,
    now: Instant,
  ): Connection {
    return new Connection({
      role: "server",
      version: admission.version,
      config: this.#config,
      local: received.local[index],
      remote: received.remote[index]!,
      sourceId: source.id,
      sourceResetToken: source.resetToken,
      destinationId: admission.source,
      initialKeyId: admission.destination,
      originalDestination: admission.originalDestination,
      retrySource: admission.retrySource,
      isAddressValidated: admission.isAddressValidated,
      preferredAddress: admission.preferredAddress,
      mayMove: admission.mayMove,
      issueToken: admission.issueToken,
      createTls: admission.createTls,
      trace: this.#trace?.(admission.originalDestination, "server"),
      host: entry,
      now,
    });
  }

  /**
   * Handles a short header for no connection: a stateless reset of one of ours, or a packet that should trigger one.
   */
  #handleStray(received: ReceivedBatch, index: number, now: Instant): void {
    const { arena } = received;
    const start = received.offset[index]!;
    const end = start + received.length[index]!;
    if (end - start >= 21) {
      const entry = this.#table.byResetToken(() => arena.subarray(end - 16, end));
      if (entry !== undefined) {
        entry.connection.handleStatelessReset(now);
        return;
      }
    }
    const { pending } = this.#replies;
    if (this.#acceptor !== undefined) {
      const id = arena.subarray(start + 1, start + 1 + this.#config.connectionIds.length);
      this.#replies.reset(id, end - start, received.local[index]!, received.remote[index]!, now);
    }
    if (this.#replies.pending === pending) this.#ignore("connection-unknown", end - start, now);
  }

  /** Does what is due at `now` on all connections. */
  handleTimeout(now: Instant): void {
    for (
      let entry = this.#table.timers.popExpired(now);
      entry !== undefined;
      entry = this.#table.timers.popExpired(now)
    ) {
      try {
        entry.connection.handleTimeout(now);
      } catch (error) {
        this.#drop(entry, error);
      }
      this.#table.wake(entry);
    }
  }

  /** When to call `handleTimeout`; undefined for never. */
  nextTimeout(): Instant | undefined {
    return this.#table.timers.next;
  }

  // ── Output ────────────────────────────────────────────────────────────────────────────────────────────────────────

  #announce(): void {
    if (this.#isAnnounced) return;
    this.#isAnnounced = true;
    this.onReady?.();
  }

  /** Returns the next event of any connection; undefined if there is none. */
  pollEvent(): EndpointEvent | undefined {
    for (;;) {
      const entry = this.#table.eventful.first;
      if (entry === undefined) {
        this.#isAnnounced = false;
        return undefined;
      }
      const { connection } = entry;
      if (entry.isHalfOpen && !entry.isAccepted) {
        entry.isAccepted = true;
        return { connection, event: { type: "accepted" } };
      }
      const event = connection.pollEvent();
      if (event === undefined) {
        this.#table.eventful.remove(entry.eventful);
        continue;
      }
      if (connection.isHandshakeComplete || event.type === "closed") this.#table.noLongerHalfOpen(entry);
      return { connection, event };
    }
  }

  pollTransmit(slots: SlotWriter, maxSegments: number, now: Instant): Transmit | undefined {
    this.#lastSender = undefined;
    // Replies alternate with connections, so that a flood of replies does not delay them.
    this.#isReplyTurn = !this.#isReplyTurn;
    const transmit = this.#isReplyTurn
      ? (this.#replies.poll(slots) ?? this.#pollConnections(slots, maxSegments, now))
      : (this.#pollConnections(slots, maxSegments, now) ?? this.#replies.poll(slots));
    if (transmit === undefined) this.#isAnnounced = false;
    return transmit;
  }

  #pollConnections(slots: SlotWriter, maxSegments: number, now: Instant): Transmit | undefined {
    for (let entry = this.#table.sendable.first; entry !== undefined; entry = this.#table.sendable.first) {
      let transmit: Transmit | undefined;
      try {
        transmit = entry.connection.pollTransmit(slots, maxSegments, now);
      } catch (error) {
        this.#drop(entry, error);
        continue;
      }
      if (transmit !== undefined) {
        this.#lastSender = entry.connection;
        // Let other connections take their turns.
        this.#table.sendable.rotate(entry.sendable);
        return transmit;
      }
      this.#table.sendable.remove(entry.sendable);
      if (entry.connection.isClosed) this.#table.remove(entry);
      else this.#table.timers.set(entry.timer, entry.connection.nextTimeout());
    }
    return undefined;
  }

  /**
   * Datagrams that the socket did not take count as lost, as if the network had dropped them; recovery sends their
   * contents again.
   */
  handleSent(transmit: Transmit, sent: number, _now: Instant): void {
    this.#lastSender?.handleSent(transmit, sent);
  }

  /** Returns what the socket's owner should do next; undefined if nothing. */
  pollCommand(): SocketCommand | undefined {
    return this.#commands.shift();
  }

  /** Removes a connection that could not even close itself. The others continue. */
  #drop(entry: Entry, error: unknown): void {
    this.#reportFault(error);
    this.#table.forget(entry);
    entry.eventful.moveTo(this.#table.eventful);
    this.#announce();
  }

  #reportFault(error: unknown): void {
    this.onFault?.(error instanceof Error ? error : new Error(String(error)));
  }
}
