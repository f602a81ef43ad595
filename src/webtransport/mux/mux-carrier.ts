/** The commands of a session whose streams and datagrams are in messages. How these are read, and the end, are the carrier's own. */

import type { Instant } from "../../base/time.ts";
import type { SendDatagramResult, StreamChunk, StreamDirection, StreamId } from "../../quic/transport.ts";
import type { CloseInfo } from "../close-info.ts";
import { type Carrier, Session, type StreamOrder } from "../session.ts";
import type { MuxLimits } from "./limits.ts";
import type { MessageWriter } from "./message-writer.ts";
import type { Role } from "./stream-ids.ts";
import { MuxStreams } from "./streams.ts";

export interface MuxCarrierOptions {
  readonly role: Role;
  /** What the peer may send before it is told more. */
  readonly own: MuxLimits;
  readonly writer: MessageWriter;
  /** There may be something to send. */
  readonly onPending: () => void;
}

export abstract class MuxCarrier implements Carrier {
  readonly session: Session = new Session(this);
  readonly streams: MuxStreams;
  protected readonly writer: MessageWriter;
  protected readonly onPending: () => void;

  protected constructor({ role, own, writer, onPending }: MuxCarrierOptions) {
    this.writer = writer;
    this.onPending = onPending;
    this.streams = new MuxStreams(role, own, this.session, writer);
  }

  get maxDatagramSize(): number {
    return this.writer.datagrams.maxPayload;
  }

  openStream(direction: StreamDirection): StreamId | undefined {
    const id = this.streams.open(direction);
    this.onPending();
    return id;
  }

  write(id: StreamId, bytes: Uint8Array, fin: boolean): boolean {
    const hasRoom = this.streams.write(id, bytes, fin);
    this.onPending();
    return hasRoom;
  }

  read(id: StreamId, max?: number): StreamChunk | undefined {
    const chunk = this.streams.read(id, max);
    if (chunk !== undefined && this.writer.waitingControl > 0) this.onPending();
    return chunk;
  }

  reset(id: StreamId, code: number): void {
    this.streams.reset(id, code);
    this.onPending();
  }

  stopSending(id: StreamId, code: number): void {
    this.streams.stopSending(id, code);
    this.onPending();
  }

  setOrder(id: StreamId, order: StreamOrder): void {
    this.streams.setOrder(id, order);
  }

  sendDatagram(payload: Uint8Array, expires?: Instant): SendDatagramResult {
    const { datagrams } = this.writer;
    const result = datagrams.send(payload.slice(), expires);
    this.writer.update(datagrams);
    this.onPending();
    return result;
  }

  abstract drain(): void;
  abstract close(info: CloseInfo): void;
}
