/** Sends parts of an open file to an exchange, reading no faster than the exchange takes it. */
import { read } from "node:fs";
import { type Fault, guard } from "../../host/guard.ts";
import type { ServerExchange } from "../../host/http/exchange.ts";
import { LARGE_CHUNK, releaseChunk, SMALL_CHUNK, takeChunk } from "./chunk-pool.ts";
import type { OpenFile } from "./open-file.ts";
import type { Part } from "./plan.ts";

/** After so many bytes a transfer counts as a long one. */
const LONG_TRANSFER = 1024 * 1024;

export class FileTransfer {
  readonly #exchange: ServerExchange;
  readonly #file: OpenFile;
  readonly #parts: readonly Part[];
  readonly #onFailure: (error: Error, fault?: Fault) => void;
  /** Which part is being sent, and from which byte of the file it goes on. */
  #index = 0;
  #position = 0;
  #sent = 0;
  #reading = false;
  #over = false;

  /** Takes over the open file. The response's head has been sent. */
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

  /** Sends until the exchange has enough, or a read is under way. */
  #advance(): void {
    while (!this.#reading && !this.#over) {
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
      if (this.#over || error !== null || bytesRead === 0) {
        releaseChunk(chunk);
        if (this.#over) this.#file.close();
        else this.#fail(error ?? new Error("the file became shorter while it was sent"));
        return;
      }
      this.#position += bytesRead;
      this.#sent += bytesRead;
      if (this.#exchange.write(chunk.subarray(0, bytesRead), releaseChunk)) this.#advance();
    });
    read(this.#file.fd, chunk, 0, length, this.#position, done);
  }

  /** The length was announced: what is missing must be seen to be missing. */
  #fail(error: Error, fault?: Fault): void {
    this.#finish();
    this.#onFailure(error, fault);
  }

  readonly #handleFault = (fault: Fault): void => {
    this.#reading = false;
    this.#fail(fault.error, fault);
  };

  #finish(): void {
    if (this.#over) return;
    this.#over = true;
    if (!this.#reading) this.#file.close(); // otherwise when the read is done: its descriptor must not become another file
  }
}
