/**
 * Drives one QUIC endpoint over its UDP sockets, per the machine contract: batches in, events out, trains out, one timer.
 * Protocol time and the event loop meet only here.
 *
 * A turn handles received datagrams and delivers events to the application. It sends at the end of the event loop's
 * turn, so that responses written in between leave in the same trains.
 */

import { type ReceivedBatch, type SocketCommand, sameAddress, type Transmit } from "../../base/datagrams.ts";
import { ProtocolError } from "../../base/errors.ts";
import { after, type Instant, millis } from "../../base/time.ts";
import type { CloseReason, Connection, ConnectionEvent, Endpoint, EndpointEvent } from "../../quic/index.ts";
import type { HostTimer } from "../clock.ts";
import { type Fault, guard, reportFault } from "../guard.ts";
import { LONGEST_TIMEOUT } from "../timer.ts";
import type { UdpSocket } from "../udp/udp-socket.ts";
import { type QuicEnvironment, systemEnvironment } from "./environment.ts";

export interface ConnectionListener {
  handleEvent(event: ConnectionEvent, now: Instant): void;
}

/** Bytes sent before the socket is read again: 128 datagrams of the usual size. */
const BYTES_PER_TURN = 192 * 1024;
/** The length of a train: as many datagrams of the usual size as fit in the socket's arena. */
const MAX_SEGMENTS = 45;
/** The delay before the next turn if an exception ended one. */
const FAULT_PAUSE = millis(100);

export class QuicDriver {
  readonly endpoint: Endpoint;
  readonly environment: QuicEnvironment;
  /** The first one sends trains that name no local address. */
  readonly sockets: UdpSocket[] = [];
  /** Commands that a socket's engine does not support. */
  readonly unsupported = new Set<SocketCommand["type"]>();
  /** Called for each incoming connection. Returns its listener. */
  onAccept: ((connection: Connection) => ConnectionListener) | undefined;
  /** Called for each internal fault, which has ended at most one connection. */
  onFault: (fault: Fault) => void = reportFault;
  readonly #report = (fault: Fault): void => this.onFault(fault);
  /** Errors already passed to `onFault`, which come back as the cause of a connection's end. */
  readonly #reported = new WeakSet<Error>();
  readonly #listeners = new Map<Connection, ConnectionListener>();
  #timer: HostTimer | undefined;
  #timerAt: Instant | undefined;
  #isFlushScheduled = false;
  #isClosed = false;
  #isReferenced = true;
  /** The endpoint's commands so far, for sockets added later. */
  readonly #commands: SocketCommand[] = [];

  constructor(endpoint: Endpoint, sockets: readonly UdpSocket[], environment: QuicEnvironment = systemEnvironment) {
    this.environment = environment;
    this.endpoint = endpoint;
    for (const socket of sockets) this.addSocket(socket);
    endpoint.onReady = () => this.#schedule();
    this.#schedule();
    endpoint.onFault = (error) => this.#report({ entry: "quic endpoint", error });
  }

  /** Adds an address from which the endpoint receives and sends. */
  addSocket(socket: UdpSocket): void {
    socket.onBatch = (batch) => this.handleBatch(batch);
    // What a batch makes the application write leaves right after it, without another round of the event loop.
    socket.onReadable = () => this.#schedule();
    socket.onWritable = () => this.#schedule();
    socket.onFault = this.#report;
    for (const command of this.#commands) this.#command(socket, command);
    this.sockets.push(socket);
    if (!this.#isReferenced) socket.unref();
  }

  /** Closes a socket that the endpoint no longer uses. */
  async removeSocket(socket: UdpSocket): Promise<void> {
    const index = this.sockets.indexOf(socket);
    if (index >= 0) this.sockets.splice(index, 1);
    // Sending may have been waiting for it.
    if (socket.isBlocked) this.#schedule();
    await socket.close();
  }

  now(): Instant {
    return this.environment.clock.now();
  }

  attach(connection: Connection, listener: ConnectionListener): void {
    this.#listeners.set(connection, listener);
  }

  /** Polls the endpoint at the end of this event loop turn. */
  #schedule(): void {
    if (this.#isFlushScheduled || this.#isClosed) return;
    this.#isFlushScheduled = true;
    this.environment.clock.defer(this.#onFlush);
  }

  /** Handles what a socket received, or another process has passed on. */
  handleBatch(batch: ReceivedBatch): void {
    if (this.#isClosed) return;
    const now = this.now();
    this.#receive(batch, now);
    this.#dispatch(now);
  }

  readonly #receive = guard("quic batch", this.#report, (batch: ReceivedBatch, now: Instant) =>
    this.endpoint.handleBatch(batch, now),
  );

  #dispatch(now: Instant): void {
    for (let next = this.endpoint.pollEvent(); next !== undefined; next = this.endpoint.pollEvent()) {
      this.#deliver(next.connection, next.event, now);
    }
  }

  readonly #deliver = guard(
    "quic event",
    (fault, connection) => this.fail(connection, fault),
    (connection: Connection, event: EndpointEvent["event"], now: Instant) => {
      if (event.type === "accepted") {
        const listener = this.onAccept?.(connection);
        if (listener !== undefined) this.#listeners.set(connection, listener);
        return;
      }
      if (event.type === "closed") this.#reportCause(event.reason);
      const listener = this.#listeners.get(connection);
      if (listener === undefined) return;
      if (event.type === "closed") this.#listeners.delete(connection);
      listener.handleEvent(event, now);
    },
  );

  /** Ends a connection after an exception in its code. Other connections continue. */
  fail(connection: Connection, fault: Fault): void {
    this.#reported.add(fault.error);
    this.#report(fault);
    connection.fail(fault.error);
  }

  /** Reports a fault inside a connection, which has already ended it. */
  #reportCause(reason: CloseReason): void {
    const cause = reason.type === "local" ? reason.cause : undefined;
    if (!(cause instanceof Error) || cause instanceof ProtocolError || this.#reported.has(cause)) return;
    this.#report({ entry: "quic connection", error: cause });
  }

  /** Retries the rest of the turn after a pause, so that a recurring fault does not spin. */
  readonly #handleTurnFault = (fault: Fault): void => {
    this.#isFlushScheduled = false;
    this.#report(fault);
    const now = this.now();
    if (!this.#isClosed) this.#arm(after(now, FAULT_PAUSE), now);
  };

  readonly #onFlush = guard("quic flush", this.#handleTurnFault, () => {
    this.#isFlushScheduled = false;
    if (!this.#isClosed) this.#flush(this.now());
  });

  #flush(now: Instant): void {
    try {
      this.#dispatch(now);
      this.#runCommands();
      if (this.#send(now, BYTES_PER_TURN)) this.#schedule();
      // A fault while sending ends a connection, so deliver its event.
      this.#dispatch(now);
    } finally {
      this.#arm(this.endpoint.nextTimeout(), now);
    }
  }

  #runCommands(): void {
    for (let next = this.endpoint.pollCommand(); next !== undefined; next = this.endpoint.pollCommand()) {
      this.#commands.push(next);
      for (const socket of this.sockets) this.#command(socket, next);
    }
  }

  #command(socket: UdpSocket, command: SocketCommand): void {
    if (!socket.handleCommand(command)) this.unsupported.add(command.type);
  }

  /** Sends up to about `limit` bytes. Returns true if there is more to send. */
  #send(now: Instant, limit: number): boolean {
    const { endpoint, sockets } = this;
    let bytes = 0;
    let socket = sockets[0]!;
    while (!sockets.some(({ isBlocked }) => isBlocked)) {
      if (bytes >= limit) return true;
      // Consecutive trains usually use the same socket, so write into its arena first.
      const { arena } = socket.slots;
      const transmit = endpoint.pollTransmit(socket.slots, MAX_SEGMENTS, now);
      if (transmit === undefined) return false;
      const chosen = this.#socketFor(transmit);
      if (chosen !== socket) {
        socket = chosen;
        socket.slots.arena.set(arena.subarray(0, transmit.length));
      }
      endpoint.handleSent(transmit, socket.send(transmit), now);
      bytes += transmit.length;
    }
    // `onWritable` continues.
    return false;
  }

  #socketFor({ local, remote }: Transmit): UdpSocket {
    const { sockets } = this;
    if (sockets.length === 1) return sockets[0]!;
    const exact = local && sockets.find(({ address }) => sameAddress(address, local));
    // A socket may serve several addresses.
    return exact ?? sockets.find(({ address }) => address.family === remote.family) ?? sockets[0]!;
  }

  #arm(at: Instant | undefined, now: Instant): void {
    if (at === this.#timerAt && this.#timer !== undefined) return;
    // A timer that fires too early costs one empty turn; resetting it for every packet costs more.
    if (at !== undefined && this.#timerAt !== undefined && this.#timer !== undefined && at > this.#timerAt) return;
    this.environment.clock.stopTimer(this.#timer);
    this.#timerAt = at;
    if (at === undefined) {
      this.#timer = undefined;
      return;
    }
    // Node's timers have millisecond resolution; round up so that they do not fire early. A deadline beyond the longest
    // timeout causes an empty turn, which sets the timer again.
    const milliseconds = Math.max(0, Math.ceil((at - now) / 1_000));
    this.#timer = this.environment.clock.startTimer(this.#onTimer, Math.min(milliseconds, LONGEST_TIMEOUT));
    if (!this.#isReferenced) this.#timer.unref();
  }

  readonly #onTimer = guard("quic timer", this.#handleTurnFault, () => {
    this.#timer = undefined;
    this.#timerAt = undefined;
    if (this.#isClosed) return;
    const now = this.now();
    try {
      this.endpoint.handleTimeout(now);
    } finally {
      this.#flush(now);
    }
  });

  ref(): void {
    this.#isReferenced = true;
    for (const socket of this.sockets) socket.ref();
    this.#timer?.ref();
  }

  unref(): void {
    this.#isReferenced = false;
    for (const socket of this.sockets) socket.unref();
    this.#timer?.unref();
  }

  /** Sends what remains to be sent, then closes the sockets. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    const now = this.now();
    try {
      this.#dispatch(now);
      // No limit, because this is the last turn: every connection has a CONNECTION_CLOSE to send.
      this.#send(now, Number.POSITIVE_INFINITY);
    } finally {
      this.#isClosed = true;
      this.environment.clock.stopTimer(this.#timer);
      await Promise.all(this.sockets.map((socket) => socket.close()));
      this.endpoint.free();
    }
  }
}
