/**
 * A recording as a JSON text sequence (RFC 7464): a header, then one record for each event. It stops at a size, and counts
 * what its sink refuses.
 */

import { DIALECTS } from "./dialects.ts";
import type { QlogEvent, RecordingOrigin } from "./event.ts";
import type { QlogFormat } from "./options.ts";
import { recordOf } from "./record.ts";

/** Where the records go. */
export interface QlogSink {
  /** Returns false if there is no room for the record now. */
  write(record: string): boolean;
  /** Called once, with a last record for which there must be room. */
  end(last?: string): void;
}

/** Reserved for the warnings at the end. */
const LAST_RECORDS = 512;

export class EventSequence {
  readonly #format: QlogFormat;
  readonly #sink: QlogSink;
  #size = 0;
  #refused = 0;
  /** The time of the latest event. */
  #latest = 0;
  #isEnded = false;

  constructor(origin: RecordingOrigin, format: QlogFormat, sink: QlogSink) {
    this.#format = format;
    this.#sink = sink;
    this.#put(recordOf(DIALECTS[format.dialect].header(origin)));
  }

  get isEnded(): boolean {
    return this.#isEnded;
  }

  end(): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#sink.end(this.#refused > 0 ? this.#gap() : undefined);
  }

  /** `time` is in milliseconds since the recording began. */
  write(event: QlogEvent, time: number): void {
    if (this.#isEnded) return;
    this.#latest = time;
    const record = this.#recordOf(event, time);
    const { maxFileSize } = this.#format;
    if (this.#size + Buffer.byteLength(record) > maxFileSize - LAST_RECORDS) {
      this.#put(this.#warning(`the recording stops here: it has reached its limit of ${maxFileSize} bytes`));
      this.end();
      return;
    }
    if (this.#refused > 0 && this.#put(this.#gap())) this.#refused = 0;
    if (!this.#put(record)) this.#refused += 1;
  }

  #recordOf(event: QlogEvent, time: number): string {
    return recordOf(DIALECTS[this.#format.dialect].event(event, time));
  }

  #gap(): string {
    return this.#warning(`${this.#refused} events are missing here: writing was too slow`);
  }

  #warning(message: string): string {
    return this.#recordOf({ name: "loglevel:warning", data: { message } }, this.#latest);
  }

  #put(record: string): boolean {
    if (!this.#sink.write(record)) return false;
    this.#size += Buffer.byteLength(record);
    return true;
  }
}
