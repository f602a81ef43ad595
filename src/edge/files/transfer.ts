/** Sends parts of an open file to an exchange, reading no faster than the exchange accepts them. */
import { read } from "node:fs";
import { type Fault, guard } from "../../host/guard.ts";
import type { ServerExchange } from "../../host/http/exchange.ts";
import { LARGE_CHUNK, releaseChunk, SMALL_CHUNK, takeChunk } from "./chunk-pool.ts";
import type { OpenFile } from "./open-file.ts";
import type { Part } from "./plan.ts";

/** Bytes after which a transfer counts as long, and reads larger chunks. */
const LONG_TRANSFER = 1024 * 1024;

export class FileTransfer {
  readonly #exchange: ServerExchange;
  readonly #file: OpenFile;
  readonly #parts: readonly Part[];
  readonly #onFailure: (error: Error, fault?: Fault) => void;
  /** The part being sent. */
  #index = 0;
  /** The next byte to read, as an offset in the file. */
  #position = 0;
  #sent = 0;
  #reading = false;
  #finished = false;

  /** Takes ownership of the open file. The response head has already been sent. */
  constructor(
    exchange: ServerExchange,
    file: OpenFile,
    parts: readonly Part[],
    onFailure: (error: Error, fault?: Fault) => void,
  ) {
    this.#exchange = exchange;
    this.#file = file;
    this.#parts = parts;
    this.#onFailure = onFailure;
    exchange.onDrain = () => this.#advance();
    exchange.onAbort = () => this.#finish();
    this.#startPart();
    try {
      if (exchange.aborted !== undefined) this.#finish();
      else this.#advance();
    } catch (error) {
      this.#finish();
      throw error;
    }
  }

  #startPart(): void {
    const part = this.#parts[this.#index];
    if (part !== undefined && !(part instanceof Uint8Array)) this.#position = part.start;
  }

  /** Sends until the exchange is full or a read is in progress. */
  #advance(): void {
    while (!this.#reading && !this.#finished) {
      const part = this.#parts[this.#index];
      if (part === undefined) {
        this.#finish();
        this.#exchange.end();
      } else if (part instanceof Uint8Array) {
        this.#index++;
        this.#startPart();
        if (!this.#exchange.write(part)) return;
      } else if (this.#position > part.end) {
        this.#index++;
        this.#startPart();
      } else {
        const size = this.#sent < LONG_TRANSFER ? SMALL_CHUNK : LARGE_CHUNK;
        if (!this.#exchange.hasRoom(size)) return;
        this.#read(size, part.end - this.#position + 1);
      }
    }
  }

  #read(size: typeof SMALL_CHUNK | typeof LARGE_CHUNK, remaining: number): void {
    this.#reading = true;
    const chunk = takeChunk(size);
    const length = Math.min(remaining, chunk.byteLength);
    const done = guard("file part", this.#handleFault, (error: Error | null, bytesRead: number) => {
      this.#reading = false;
      if (this.#finished || error !== null || bytesRead === 0) {
        releaseChunk(chunk);
        if (this.#finished) this.#file.close();
        else this.#fail(error ?? new Error("the file shrank while it was being sent"));
        return;
      }
      this.#position += bytesRead;
      this.#sent += bytesRead;
      if (this.#exchange.write(chunk.subarray(0, bytesRead), releaseChunk)) this.#advance();
    });
    read(this.#file.fd, chunk, 0, length, this.#position, done);
  }

  /** The response must visibly fail, since its length has already been sent. */
  #fail(error: Error, fault?: Fault): void {
    this.#finish();
    this.#onFailure(error, fault);
  }

  readonly #handleFault = (fault: Fault): void => {
    this.#reading = false;
    this.#fail(fault.error, fault);
  };

  #finish(): void {
    if (this.#finished) return;
    this.#finished = true;
    // A pending read closes the file when it is done: until then, the descriptor must not be reused for another file.
    if (!this.#reading) this.#file.close();
  }
}
