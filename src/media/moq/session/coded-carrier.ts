/** A carrier whose streams are reset with the numbers of a draft. */

import type { CodeSpace } from "../codes.ts";
import type { MoqCarrier, SendOrder, StreamDirection, StreamId } from "./carrier.ts";

/** Writes codes of the model as the draft has them. */
export class CodedCarrier implements MoqCarrier {
  readonly #carrier: MoqCarrier;
  readonly #codes: CodeSpace;

  constructor(carrier: MoqCarrier, codes: CodeSpace) {
    this.#carrier = carrier;
    this.#codes = codes;
  }

  openStream(direction: StreamDirection): StreamId | undefined {
    return this.#carrier.openStream(direction);
  }

  write(stream: StreamId, bytes: Uint8Array, fin: boolean): void {
    this.#carrier.write(stream, bytes, fin);
  }

  hasRoom(stream: StreamId): boolean {
    return this.#carrier.hasRoom?.(stream) ?? true;
  }

  setOrder(stream: StreamId, order: SendOrder): void {
    this.#carrier.setOrder?.(stream, order);
  }

  reset(stream: StreamId, code: number): void {
    this.#carrier.reset(stream, this.#codes.toWire(code));
  }

  stopSending(stream: StreamId, code: number): void {
    this.#carrier.stopSending(stream, this.#codes.toWire(code));
  }

  sendDatagram(bytes: Uint8Array): void {
    this.#carrier.sendDatagram(bytes);
  }

  close(code: number, reason: string): void {
    this.#carrier.close(code, reason);
  }
}
