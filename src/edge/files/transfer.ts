/**
 * Sends parts of an open file to an exchange, reading no faster than the exchange accepts them: at once what the page
 * cache holds, and asynchronously what it does not.
 */
import { read } from "node:fs";
import type { PageCache } from "../../host/files/page-cache.ts";
import { type Fault, guard } from "../../host/guard.ts";
import type { ServerExchange } from "../../host/http/exchange.ts";
import { LARGE_CHUNK, releaseChunk, SMALL_CHUNK, takeChunk } from "./chunk-pool.ts";
import type { OpenFile } from "./open-file.ts";
import type { Part } from "./plan.ts";

/** Bytes after which a transfer counts as long, and reads larger chunks from the disk. */
const LONG_TRANSFER = 1024 * 1024;

export class FileTransfer {
  readonly #exchange: ServerExchange;
  readonly #file: OpenFile;
  readonly #parts: readonly Part[];
  /** Undefined if it cannot be asked for this file. */
  #pageCache: PageCache | undefined;
  readonly #onFailure: (error: Error, fault?: Fault) => void;
  /** The part being sent. */
  #index = 0;
  /** The next byte to read, as an offset in the file. */
  #position = 0;
  #sent = 0;
  /** True if the page cache held all of the last chunk. */
  #isCached = false;
  #reading = false;
  #finished = false;

  /** Takes ownership of the open file. The response head has already been sent. */
  constructor(
    exchange: ServerExchange,
    file: OpenFile,
    parts: readonly Part[],
    pageCache: PageCache,
    onFailure: (error: Error, fault?: Fault) => void,
  ) {
    this.#exchange = exchange;
    this.#file = file;
    this.#parts = parts;
    this.#pageCache = pageCache;
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
        // A small chunk is still in the processor's cache when it is copied into packets.
        const size = this.#isCached || this.#sent < LONG_TRANSFER ? SMALL_CHUNK : LARGE_CHUNK;
        if (!this.#exchange.hasRoom(size)) return;
        const chunk = takeChunk(size);
        const length = Math.min(part.end - this.#position + 1, size);
        const cached = this.#readCached(chunk, length);
        this.#isCached = cached === length;
        if (!this.#isCached) this.#readRest(chunk, cached, length);
        else if (!this.#write(chunk, length)) return;
      }
    }
  }

  #readCached(chunk: Uint8Array, length: number): number {
    const cached = this.#pageCache?.read(this.#file.fd, chunk, length, this.#position);
    if (cached === undefined) this.#pageCache = undefined;
    return cached ?? 0;
  }

  /** Fills the chunk from the disk: sent half empty, many would need much more memory than the exchange allows. */
  #readRest(chunk: Uint8Array, filled: number, length: number): void {
    this.#reading = true;
    const done = guard("file part", this.#handleFault, (error: Error | null, bytesRead: number) => {
      this.#reading = false;
      const available = filled + bytesRead;
      if (this.#finished || error !== null || available === 0) {
        releaseChunk(chunk);
        if (this.#finished) this.#file.close();
        else this.#fail(error ?? new Error("the file shrank while it was being sent"));
        return;
      }
      if (this.#write(chunk, available)) this.#advance();
    });
    read(this.#file.fd, chunk, filled, length - filled, this.#position + filled, done);
  }

  #write(chunk: Uint8Array, length: number): boolean {
    this.#position += length;
    this.#sent += length;
    return this.#exchange.write(chunk.subarray(0, length), releaseChunk);
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
