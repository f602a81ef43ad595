/** The datagrams of a session as web streams (W3C WebTransport §5). */

import { after, type Instant, millis } from "../../base/time.ts";
import type { Session } from "../../webtransport/index.ts";
import { type HostClock, millisNow, systemClock } from "../clock.ts";
import { type Fault, guard } from "../guard.ts";
import type { WebTransportError } from "./error.ts";
import { bytesOf, type SendStreamOptions } from "./send-stream.ts";

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
  /** True if a reader waits. */
  #isPulled = false;
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
        pull: () => {
          this.#isPulled = true;
          this.#advance();
        },
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
      write: (chunk) => this.#send(bytesOf(chunk)),
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
    if (this.#isPulled && this.#received.length === 0) {
      this.#enqueue(payload);
      return;
    }
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
    for (const controller of this.#writables) controller.error(error ?? new DOMException("the session has ended"));
    this.#writables.clear();
  }

  #advance(): void {
    while (this.#isPulled && this.#received.length > 0) {
      const { payload, at } = this.#received.shift()!;
      if (this.incomingMaxAge !== null && millisNow(this.#clock) - at > this.incomingMaxAge) this.expiredIncoming += 1;
      else this.#enqueue(payload);
    }
  }

  /** Gives a datagram to the reader that waits. The stream pulls again if another one does. */
  #enqueue(payload: Uint8Array): void {
    if (this.#isClosed) return;
    this.#isPulled = false;
    this.#controller.enqueue(payload);
  }

  /** Sends at once if there is room. The carrier copies the payload. */
  #send(payload: Uint8Array): Promise<void> | undefined {
    if (this.#session === undefined) {
      const copy = payload.slice();
      return this.#ready.then(() => this.#send(copy));
    }
    const { outgoingMaxAge } = this;
    const expires = outgoingMaxAge === null ? undefined : after(this.#clock.now(), millis(outgoingMaxAge));
    const result = this.#session.sendDatagram(payload, expires);
    if (result === "full") return this.#sendLater(payload.slice(), expires);
    if (result !== "queued") this.droppedOutgoing += 1;
    return undefined;
  }

  /** Waits while the queue is full, until the datagram is too old. */
  async #sendLater(payload: Uint8Array, expires: Instant | undefined): Promise<void> {
    for (;;) {
      await this.#turn();
      if (this.#error !== undefined || this.#isClosed) return;
      const result = this.#session!.sendDatagram(payload, expires);
      if (result === "queued") return;
      const isTooOld = expires !== undefined && this.#clock.now() > expires;
      if (result !== "full" || isTooOld) {
        this.droppedOutgoing += 1;
        return;
      }
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
