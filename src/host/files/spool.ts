/** Bytes that are written once and read later, from any position: the first ones in memory, the rest in a temporary file. */

import { randomBytes } from "node:crypto";
import { type FileHandle, open as openHandle, unlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { detach, type Fault, reportFault } from "../guard.ts";

export interface SpoolOptions {
  /** Bytes that stay in memory; 256 KiB by default. */
  readonly memory?: number | undefined;
  /** The folder of the temporary file; the system's by default. */
  readonly directory?: string | undefined;
  /** Hears of internal faults, which also fail the spool. */
  readonly onFault?: ((fault: Fault) => void) | undefined;
}

const DEFAULT_MEMORY = 256 * 1024;
/** Bytes that wait for the disk before `write` asks for a pause. */
const MAX_WAITING = 1 << 20;
const READ_SIZE = 64 * 1024;
/** Readable by the server's user alone: it is a client's content. */
const MODE = 0o600;

export class Spool {
  /** Called when there is room again, after `write` returned false; also after a failure. */
  onDrain: (() => void) | undefined;
  readonly #memory: number;
  readonly #directory: string;
  readonly #onFault: (fault: Fault) => void;
  readonly #parts: Uint8Array[] = [];
  #partBytes = 0;
  /** The part that was read last, and where it begins. */
  #cursor = { index: 0, start: 0 };
  readonly #waiting: Uint8Array[] = [];
  #waitingBytes = 0;
  #fileBytes = 0;
  #file: FileHandle | undefined;
  #isFlushing = false;
  #isEnded = false;
  #isClosed = false;
  #error: Error | undefined;
  #onChange: (() => void)[] = [];

  constructor({ memory = DEFAULT_MEMORY, directory = tmpdir(), onFault = reportFault }: SpoolOptions = {}) {
    this.#memory = memory;
    this.#directory = directory;
    this.#onFault = onFault;
  }

  /** Why bytes are missing: the disk is full, or cannot be written. */
  get error(): Error | undefined {
    return this.#error;
  }

  /** True if `write` would ask for a pause. */
  get isFull(): boolean {
    return this.#waitingBytes >= MAX_WAITING && this.#error === undefined;
  }

  /** Keeps the chunk, which must not change. Returns false when enough waits for the disk: wait for `onDrain`. */
  write(chunk: Uint8Array): boolean {
    if (this.#isClosed || this.#error !== undefined) return true;
    if (this.#fileBytes + this.#waitingBytes === 0 && this.#partBytes + chunk.byteLength <= this.#memory) {
      this.#parts.push(chunk);
      this.#partBytes += chunk.byteLength;
      this.#changed();
      return true;
    }
    this.#waiting.push(chunk);
    this.#waitingBytes += chunk.byteLength;
    const onFault = (fault: Fault): void => {
      this.#onFault(fault);
      this.#fail(fault.error);
    };
    detach("spool write", onFault, this.#flush());
    return !this.isFull;
  }

  /** There will be no more. */
  end(): void {
    this.#isEnded = true;
    this.#changed();
  }

  async #flush(): Promise<void> {
    if (this.#isFlushing) return;
    this.#isFlushing = true;
    try {
      this.#file ??= await openTemporary(this.#directory);
      for (let chunk = this.#waiting.shift(); chunk !== undefined && !this.#isClosed; chunk = this.#waiting.shift()) {
        for (let at = 0; at < chunk.byteLength; ) {
          const { bytesWritten } = await this.#file.write(chunk, at, chunk.byteLength - at, this.#fileBytes);
          at += bytesWritten;
          this.#fileBytes += bytesWritten;
        }
        const wasFull = this.isFull;
        this.#waitingBytes -= chunk.byteLength;
        this.#changed();
        if (wasFull && !this.isFull) this.onDrain?.();
      }
    } catch (error) {
      this.#fail(error as Error);
    }
    this.#isFlushing = false;
    if (this.#isClosed) await this.#closeFile();
  }

  #fail(error: Error): void {
    this.#error = error;
    this.#waiting.length = 0;
    this.#waitingBytes = 0;
    this.#changed();
    this.onDrain?.();
  }

  /** Bytes from a position on, as soon as there are some; undefined at the end. Rejects if they are lost. */
  async read(position: number): Promise<Uint8Array | undefined> {
    for (;;) {
      if (this.#isClosed) throw new Error("the spool is closed");
      if (position < this.#partBytes) return this.#partAt(position);
      if (position < this.#partBytes + this.#fileBytes) return this.#readFile(position - this.#partBytes);
      if (this.#error !== undefined) throw this.#error;
      if (this.#isEnded && this.#waitingBytes === 0) return undefined;
      await new Promise<void>((resolve) => this.#onChange.push(resolve));
    }
  }

  #partAt(position: number): Uint8Array {
    let { index, start } = this.#cursor.start <= position ? this.#cursor : { index: 0, start: 0 };
    while (position >= start + this.#parts[index]!.byteLength) start += this.#parts[index++]!.byteLength;
    this.#cursor = { index, start };
    return this.#parts[index]!.subarray(position - start);
  }

  async #readFile(at: number): Promise<Uint8Array> {
    const buffer = new Uint8Array(Math.min(READ_SIZE, this.#fileBytes - at));
    const { bytesRead } = await this.#file!.read(buffer, 0, buffer.byteLength, at);
    if (bytesRead === 0) throw new Error("the spool's file is shorter than it was");
    return buffer.subarray(0, bytesRead);
  }

  #changed(): void {
    const waiting = this.#onChange;
    this.#onChange = [];
    for (const resolve of waiting) resolve();
  }

  /** Frees memory and disk. Later reads reject. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#parts.length = 0;
    this.#waiting.length = 0;
    this.#changed();
    if (!this.#isFlushing) this.#closeFile().catch(() => undefined); // a file that is not needed any more
  }

  async #closeFile(): Promise<void> {
    const file = this.#file;
    this.#file = undefined;
    // Nothing is lost with a file that is not needed any more.
    await file?.close().catch(() => undefined);
  }
}

/** A file without a name, so that it is gone with the process, where the system allows it. */
async function openTemporary(directory: string): Promise<FileHandle> {
  const path = join(directory, `nagare-spool-${process.pid}-${randomBytes(8).toString("hex")}`);
  const file = await openHandle(path, "wx+", MODE);
  await unlink(path).catch(() => undefined);
  return file;
}
