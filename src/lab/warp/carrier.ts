/** A QUIC connection as the carrier of a session of live media. */

import type { Instant } from "../../base/time.ts";
import type { OrderedCarrier, SendOrder, StreamDirection, StreamId } from "../../media/carrier.ts";
import { type Connection, isUnidirectional, type SendGroup, type TransportEvent } from "../../quic/index.ts";

/** What a session does with what the carrier brings. */
export interface CarriedSession {
  handleStream(stream: StreamId, direction: StreamDirection): void;
  handleData(stream: StreamId, direction: StreamDirection, bytes: Uint8Array, fin: boolean, now: Instant): void;
  handleReset(stream: StreamId, code: number): void;
  handleStopped(stream: StreamId, code: number): void;
  handleWritable?(stream: StreamId): void;
  handleFinished?(stream: StreamId): void;
  handleStreamsAvailable?(): void;
}

/** What was written to a stream, and its place: for the packet trace. */
export interface Written {
  order: number;
  bytes: number;
  isOver: boolean;
}

export class QuicCarrier implements OrderedCarrier {
  readonly written = new Map<StreamId, Written>();
  session: CarriedSession | undefined;
  resets = 0;
  readonly #connection: Connection;
  readonly #group: SendGroup;

  constructor(connection: Connection) {
    this.#connection = connection;
    this.#group = connection.openSession().openGroup();
  }

  openStream(direction: StreamDirection): StreamId | undefined {
    const stream = this.#connection.openStream(direction);
    if (stream === undefined) return undefined;
    this.written.set(stream, { order: 0, bytes: 0, isOver: false });
    this.setOrder(stream, { sendOrder: 0 });
    return stream;
  }

  setOrder(stream: StreamId, { sendOrder }: SendOrder): void {
    const written = this.written.get(stream);
    if (written !== undefined) written.order = sendOrder;
    this.#connection.setPriority(stream, { group: this.#group, sendOrder });
  }

  write(stream: StreamId, bytes: Uint8Array, fin: boolean): boolean {
    const written = this.written.get(stream);
    if (written !== undefined) written.bytes += bytes.length;
    return this.#connection.write(stream, bytes, fin);
  }

  reset(stream: StreamId, code: number): void {
    this.resets += 1;
    this.#finish(stream);
    this.#connection.reset(stream, code);
  }

  stopSending(stream: StreamId, code: number): void {
    this.#connection.stopSending(stream, code);
  }

  sendDatagram(): void {}

  close(code: number, reason: string): void {
    this.#connection.close(code, reason);
  }

  handle(event: TransportEvent, now: Instant): void {
    const { session } = this;
    if (session === undefined) return;
    switch (event.type) {
      case "stream-opened":
        session.handleStream(event.id, directionOf(event.id));
        break;
      case "stream-readable":
        for (let chunk = this.#connection.read(event.id); chunk !== undefined; chunk = this.#connection.read(event.id))
          session.handleData(event.id, directionOf(event.id), chunk.bytes, chunk.fin, now);
        break;
      case "stream-reset":
        session.handleReset(event.id, Number(event.code));
        break;
      case "stream-stopped":
        this.#finish(event.id);
        session.handleStopped(event.id, Number(event.code));
        break;
      case "stream-writable":
        session.handleWritable?.(event.id);
        break;
      case "stream-finished":
        this.#finish(event.id);
        session.handleFinished?.(event.id);
        break;
      case "streams-available":
        session.handleStreamsAvailable?.();
        break;
    }
  }

  #finish(stream: StreamId): void {
    const written = this.written.get(stream);
    if (written !== undefined) written.isOver = true;
  }
}

const directionOf = (stream: StreamId): StreamDirection => (isUnidirectional(stream) ? "uni" : "bidi");
