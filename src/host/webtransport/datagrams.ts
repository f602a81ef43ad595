/** The datagrams of a session as web streams (W3C WebTransport §5). */

import { after, millis } from "../../base/time.ts";
import type { Session } from "../../webtransport/index.ts";
import { type HostClock, millisNow, systemClock } from "../clock.ts";
import { type Fault, guard } from "../guard.ts";
import type { WebTransportError } from "./error.ts";
import { copyOf, type SendStreamOptions } from "./streams.ts";

/** Datagrams that wait for a reader, unless the application says otherwise. */
const DEFAULT_HIGH_WATER_MARK = 128;

/** Bytes. A datagram of QUIC has at least 1,200, of which headers take some. */
const LIKELY_SIZE = 1024;

/** What became of a session's datagrams. */
export interface WebTransportDatagramStats {
  readonly sent: number;
  readonly received: number;
  /** Dropped because the reader was slow. */
  readonly droppedIncoming: number;
  readonly expiredIncoming: number;
  /** Not sent: too large, or too old, or the session had ended. */
  readonly droppedOutgoing: number;
}

interface Received {
  readonly payload: Uint8Array;
  readonly at: number;
}

/** The datagrams of a session, in both directions. */
export class WebTransportDatagramDuplexStream {
  readonly readable: ReadableStream<Uint8Array>;
  /** Milliseconds after which a datagram that was not read is dropped; null for no limit. */
  incomingMaxAge: number | null = null;
  /** Milliseconds after which a datagram that could not be sent is dropped; null for no limit. */
  outgoingMaxAge: number | null = null;
  #incomingHighWaterMark = DEFAULT_HIGH_WATER_MARK;
  readonly #ready: Promise<void>;
  #session: Session | undefined;
  #clock: HostClock = systemClock;
  #onFault: (fault: Fault) => void = () => {};
  readonly #received: Received[] = [];
  readonly #writables = new Set<WritableStreamDefaultController>();
  #controller!: ReadableStreamDefaultController<Uint8Array>;
  #pulled: (() => void) | undefined;
  #writable: WritableStream<Uint8Array> | undefined;
  #error: WebTransportError | undefined;
  #isClosed = false;
  droppedIncoming = 0;
  expiredIncoming = 0;
  droppedOutgoing = 0;

  /** What is written before the session is `ready` waits for it. */
  constructor(ready: Promise<void>) {
    this.#ready = ready;
    this.readable = new ReadableStream(
      {
        start: (controller) => {
          this.#controller = controller;
        },
        pull: () =>
          new Promise<void>((resolve) => {
            this.#pulled = resolve;
            this.#advance();
          }),
        cancel: () => {
          this.#received.length = 0;
          this.#incomingHighWaterMark = 0;
        },
      },
      { highWaterMark: 0 },
    );
  }

  /** @internal The session is there. */
  begin(session: Session, clock: HostClock, onFault: (fault: Fault) => void): void {
    this.#session = session;
    this.#clock = clock;
    this.#onFault = onFault;
  }

  /** The largest datagram that can be sent now, in bytes; before the session is ready, what is likely to fit. */
  get maxDatagramSize(): number {
    return this.#session?.maxDatagramSize ?? LIKELY_SIZE;
  }

  /** Datagrams that may wait for a reader; the oldest give way. */
  get incomingHighWaterMark(): number {
    return this.#incomingHighWaterMark;
  }
  set incomingHighWaterMark(count: number) {
    if (Number.isNaN(count) || count < 0) throw new RangeError("incomingHighWaterMark must not be negative");
    this.#incomingHighWaterMark = Math.max(1, count);
  }

  /** A stream of datagrams to the peer. All of them share the session's queue. */
  createWritable(_options: SendStreamOptions = {}): WritableStream<Uint8Array> {
    if (this.#isClosed) throw new DOMException("the session has ended", "InvalidStateError");
    let own: WritableStreamDefaultController;
    return new WritableStream<Uint8Array>({
      start: (controller) => {
        own = controller;
        this.#writables.add(controller);
      },
      write: (chunk) => this.#send(copyOf(chunk)),
      close: () => void this.#writables.delete(own),
      abort: () => void this.#writables.delete(own),
    });
  }

  /** The same as `createWritable()`, made once. Chromium has only this. */
  get writable(): WritableStream<Uint8Array> {
    this.#writable ??= this.createWritable();
    return this.#writable;
  }

  /** Takes a datagram from the session. */
  receive(payload: Uint8Array): void {
    if (this.#incomingHighWaterMark === 0) return;
    this.#received.push({ payload, at: millisNow(this.#clock) });
    while (this.#received.length > this.#incomingHighWaterMark) {
      this.#received.shift();
      this.droppedIncoming += 1;
    }
    this.#advance();
  }

  /** The session has ended, in an orderly way if there is no error. */
  end(error: WebTransportError | undefined): void {
    this.#isClosed = true;
    this.#error = error;
    if (error === undefined) {
      if (this.#incomingHighWaterMark > 0) this.#controller.close();
    } else this.#controller.error(error);
    this.#pulled?.();
    for (const controller of this.#writables) controller.error(error ?? new DOMException("the session has ended"));
    this.#writables.clear();
  }

  #advance(): void {
    if (this.#pulled === undefined || this.#isClosed) return;
    for (let next = this.#received.shift(); next !== undefined; next = this.#received.shift()) {
      if (this.incomingMaxAge !== null && millisNow(this.#clock) - next.at > this.incomingMaxAge) {
        this.expiredIncoming += 1;
        continue;
      }
      const resolve = this.#pulled;
      this.#pulled = undefined;
      this.#controller.enqueue(next.payload);
      resolve();
      return;
    }
  }

  /** Waits while the queue is full, for at most the maximum age. */
  async #send(payload: Uint8Array): Promise<void> {
    if (this.#session === undefined) await this.#ready;
    const { outgoingMaxAge } = this;
    const expires = outgoingMaxAge === null ? undefined : after(this.#clock.now(), millis(outgoingMaxAge));
    const started = millisNow(this.#clock);
    for (;;) {
      const result = this.#session!.sendDatagram(payload, expires);
      if (result !== "full") {
        if (result !== "queued") this.droppedOutgoing += 1;
        return;
      }
      if (outgoingMaxAge !== null && millisNow(this.#clock) - started > outgoingMaxAge) {
        this.droppedOutgoing += 1;
        return;
      }
      await this.#turn();
      if (this.#error !== undefined || this.#isClosed) return;
    }
  }

  /** One turn of the event loop, in which the transport sends. */
  #turn(): Promise<void> {
    return new Promise((resolve, reject) => {
      const fail = (fault: Fault): void => {
        this.#onFault(fault);
        reject(fault.error);
      };
      this.#clock.defer(guard("client webtransport turn", fail, resolve));
    });
  }
}
