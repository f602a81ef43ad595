/**
 * Drives one QUIC endpoint over one UDP socket, per the machine contract: batches in, events out, trains out, one timer.
 * It is the only place where protocol time meets the event loop.
 *
 * A turn handles what came, lets the application hear of it, and leaves sending to the end of the event loop's turn, so
 * that what handlers answer in between leaves in the same trains.
 */

import type { ReceivedBatch } from "../../base/datagrams.ts";
import type { Instant } from "../../base/time.ts";
import type { Connection, ConnectionEvent, Endpoint } from "../../quic/index.ts";
import { systemNow } from "../clock.ts";
import type { UdpSocket } from "../udp/udp-socket.ts";

/** Who hears of a connection's events. */
export interface ConnectionListener {
  handleEvent(event: ConnectionEvent, now: Instant): void;
  /** All events of this turn were handled: what was gathered may be acted upon. */
  handleTurnEnd?(): void;
}

/** Datagrams sent before the socket is read again. */
const SEGMENTS_PER_TURN = 128;
/** What fits a train of usual datagrams into the socket's arena. */
const MAX_SEGMENTS = 45;

export class QuicDriver {
  readonly endpoint: Endpoint;
  readonly socket: UdpSocket;
  /** A new connection from outside; gives who will hear of it. */
  onAccept: ((connection: Connection) => ConnectionListener) | undefined;
  readonly #listeners = new Map<Connection, ConnectionListener>();
  readonly #touched = new Set<ConnectionListener>();
  #timer: NodeJS.Timeout | undefined;
  #timerAt: Instant | undefined;
  #isFlushScheduled = false;
  #isClosed = false;
  #isReferenced = true;

  constructor(endpoint: Endpoint, socket: UdpSocket) {
    this.endpoint = endpoint;
    this.socket = socket;
    socket.onBatch = (batch) => this.#handleBatch(batch);
    socket.onWritable = () => this.wake();
    socket.onError = () => this.wake();
  }

  now(): Instant {
    return systemNow();
  }

  attach(connection: Connection, listener: ConnectionListener): void {
    this.#listeners.set(connection, listener);
  }

  /** Something was asked of a connection: it will be sent, with all else, when this turn of the event loop is over. */
  wake(): void {
    if (this.#isFlushScheduled || this.#isClosed) return;
    this.#isFlushScheduled = true;
    setImmediate(this.#onFlush);
  }

  #handleBatch(batch: ReceivedBatch): void {
    const now = systemNow();
    this.endpoint.handleBatch(batch, now);
    this.#dispatch(now);
    this.wake();
  }

  #dispatch(now: Instant): void {
    for (let next = this.endpoint.pollEvent(); next !== undefined; next = this.endpoint.pollEvent()) {
      const { connection, event } = next;
      if (event.type === "accepted") {
        const listener = this.onAccept?.(connection);
        if (listener !== undefined) this.#listeners.set(connection, listener);
        continue;
      }
      const listener = this.#listeners.get(connection);
      if (listener === undefined) continue;
      if (event.type === "closed") this.#listeners.delete(connection);
      listener.handleEvent(event, now);
      if (listener.handleTurnEnd !== undefined) this.#touched.add(listener);
    }
    for (const listener of this.#touched) listener.handleTurnEnd!();
    this.#touched.clear();
  }

  readonly #onFlush = (): void => {
    this.#isFlushScheduled = false;
    if (this.#isClosed) return;
    this.#flush(systemNow());
  };

  #flush(now: Instant): void {
    this.#dispatch(now);
    const { endpoint } = this;
    if (this.#send(now, SEGMENTS_PER_TURN)) this.wake();
    // A fault while sending ends a connection, of which its listener has to hear.
    this.#dispatch(now);
    this.#arm(endpoint.nextTimeout(), now);
  }

  /** Sends what there is to send, up to about so many datagrams; true when that was not all. */
  #send(now: Instant, most: number): boolean {
    const { endpoint, socket } = this;
    let segments = 0;
    while (!socket.isBlocked) {
      if (segments >= most) return true;
      const transmit = endpoint.pollTransmit(socket.slots, MAX_SEGMENTS, now);
      if (transmit === undefined) return false;
      endpoint.handleSent(transmit, socket.send(transmit), now);
      segments += transmit.count;
    }
    // `onWritable` goes on with the rest.
    return false;
  }

  #arm(at: Instant | undefined, now: Instant): void {
    if (at === this.#timerAt && this.#timer !== undefined) return;
    // A timer that fires too early costs one empty turn; moving it for each packet costs more.
    if (at !== undefined && this.#timerAt !== undefined && this.#timer !== undefined && at > this.#timerAt) return;
    clearTimeout(this.#timer);
    this.#timerAt = at;
    if (at === undefined) {
      this.#timer = undefined;
      return;
    }
    // Node's timers count whole milliseconds; rounding up keeps a deadline from being met early.
    this.#timer = setTimeout(this.#onTimer, Math.max(0, Math.ceil((at - now) / 1_000)));
    if (!this.#isReferenced) this.#timer.unref();
  }

  readonly #onTimer = (): void => {
    this.#timer = undefined;
    this.#timerAt = undefined;
    if (this.#isClosed) return;
    const now = systemNow();
    this.endpoint.handleTimeout(now);
    this.#flush(now);
  };

  ref(): void {
    this.#isReferenced = true;
    this.socket.ref();
    this.#timer?.ref();
  }

  unref(): void {
    this.#isReferenced = false;
    this.socket.unref();
    this.#timer?.unref();
  }

  /** Sends what is still to be said, then lets go of the socket. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    const now = systemNow();
    this.#dispatch(now);
    // There is no other turn: each of the connections has its CONNECTION_CLOSE to send, however many they are.
    this.#send(now, Number.POSITIVE_INFINITY);
    this.#isClosed = true;
    clearTimeout(this.#timer);
    await this.socket.close();
  }
}
