/** Streams of objects that we send. */

import { emitFetchHeader } from "../data/data-reader.ts";
import { type FetchGap, type FetchObject, FetchObjects } from "../data/fetch-objects.ts";
import type { SubgroupHeader } from "../data/subgroup-header.ts";
import { type SubgroupObject, SubgroupWriter } from "../data/subgroup-objects.ts";
import type { Dialect } from "../fields.ts";
import type { MoqCarrier, StreamId } from "./carrier.ts";

abstract class Sender {
  /** For "stopped" events. */
  readonly stream: StreamId;
  protected readonly carrier: MoqCarrier;
  readonly #ended: () => void;
  #isOver = false;

  constructor(carrier: MoqCarrier, stream: StreamId, ended: () => void) {
    this.carrier = carrier;
    this.stream = stream;
    this.#ended = ended;
  }

  /** A piece of the payload of the last object. */
  payload(bytes: Uint8Array): void {
    this.write(bytes);
  }

  /** FIN. */
  end(): void {
    if (this.#isOver) return;
    this.carrier.write(this.stream, new Uint8Array(0), true);
    this.#finish();
  }

  /** Abandons the stream, with one of `STREAM_ERRORS`. */
  reset(code: number): void {
    if (this.#isOver) return;
    this.carrier.reset(this.stream, code);
    this.#finish();
  }

  #finish(): void {
    this.#isOver = true;
    this.#ended();
  }

  protected write(bytes: Uint8Array): void {
    if (!this.#isOver) this.carrier.write(this.stream, bytes, false);
  }
}

/** Objects of a subgroup, in order. */
export class SubgroupSender extends Sender {
  readonly #writer: SubgroupWriter;

  constructor(carrier: MoqCarrier, stream: StreamId, header: SubgroupHeader, dialect: Dialect) {
    super(carrier, stream, () => {});
    this.#writer = new SubgroupWriter(header, dialect);
    this.write(this.#writer.header.slice());
  }

  /** What stands before the payload, which follows. */
  object(object: SubgroupObject): void {
    this.write(this.#writer.object(object).slice());
  }
}

/** Objects of a fetch, in the order that was asked for. */
export class FetchSender extends Sender {
  readonly #objects: FetchObjects;

  constructor(
    carrier: MoqCarrier,
    stream: StreamId,
    requestId: number,
    dialect: Dialect,
    order: "ascending" | "descending",
    ended: () => void,
  ) {
    super(carrier, stream, ended);
    this.#objects = new FetchObjects(dialect, order);
    this.write(emitFetchHeader(requestId, dialect).slice());
  }

  /** What stands before the payload, which follows. */
  object(object: FetchObject): void {
    this.write(this.#objects.emit(object).slice());
  }

  /** Tells that there are no objects up to a location. */
  gap(gap: FetchGap): void {
    this.write(this.#objects.emitGap(gap).slice());
  }
}
