// Writes the body to stdout or a file, with backpressure.
import { once } from "node:events";
import { createWriteStream } from "node:fs";
import { mkdir } from "node:fs/promises";
import { dirname } from "node:path";
import type { Writable } from "node:stream";
import { CliError, describe, EXIT, silentExit } from "../fail.ts";
import type { Io } from "../io.ts";

/** Bytes buffered for a file. HTTP/3 delivers about a datagram at a time, and files are better written in larger pieces. */
const FILE_BUFFER = 1 << 20;

export interface Destination {
  /** Waits while the buffer is full. */
  write(data: string | Uint8Array): Promise<void>;
  /** Waits until everything is written. */
  close(): Promise<void>;
}

export interface FileOptions {
  /** Appends to the file. */
  readonly append?: boolean;
  /** Creates missing folders. */
  readonly createDirs?: boolean;
  /** Fails if the file exists, because the server chose the name. */
  readonly exclusive?: boolean;
}

/** Opens when the first byte is written. */
export class LazyDestination implements Destination {
  readonly #io: Io;
  #path: string | undefined;
  #options: FileOptions;
  #opening: Promise<Destination> | undefined;

  constructor(path: string | undefined, io: Io, options: FileOptions) {
    this.#path = path;
    this.#io = io;
    this.#options = options;
  }

  get path(): string | undefined {
    return this.#path;
  }

  /** Changes the name, before the first byte. */
  rename(path: string): void {
    this.#path = path;
    this.#options = { ...this.#options, append: false, exclusive: true };
  }

  open(): Promise<Destination> {
    this.#opening ??= openDestination(this.#path, this.#io, this.#options);
    return this.#opening;
  }

  async write(data: string | Uint8Array): Promise<void> {
    await (await this.open()).write(data);
  }

  async close(): Promise<void> {
    await (await this.#opening?.catch(() => undefined))?.close();
  }
}

export async function openDestination(
  path: string | undefined,
  io: Io,
  { append = false, createDirs = false, exclusive = false }: FileOptions = {},
): Promise<Destination> {
  if (path === undefined) {
    return new StreamDestination(io.stdout, explainStdout, (stream, done) => stream.write("", done));
  }
  const explain = (error: Error) => explainFile(error, path);
  if (createDirs) {
    await mkdir(dirname(path), { recursive: true }).catch((error: Error) => {
      throw explain(error);
    });
  }
  const file = createWriteStream(path, { highWaterMark: FILE_BUFFER, flags: append ? "a" : exclusive ? "wx" : "w" });
  try {
    await once(file, "open");
  } catch (error) {
    throw explain(error as Error);
  }
  return new StreamDestination(file, explain, (stream, done) => stream.end(done));
}

class StreamDestination implements Destination {
  readonly #stream: Writable;
  readonly #explain: (error: Error) => Error;
  readonly #flush: (stream: Writable, done: () => void) => void;
  #error: Error | undefined;
  #wake: (() => void) | undefined;
  readonly #onError = (error: Error) => {
    this.#error ??= this.#explain(error);
    this.#wake?.();
  };
  readonly #onDrain = () => this.#wake?.();

  constructor(stream: Writable, explain: (error: Error) => Error, flush: (stream: Writable, done: () => void) => void) {
    this.#stream = stream;
    this.#explain = explain;
    this.#flush = flush;
    stream.on("error", this.#onError).on("drain", this.#onDrain);
  }

  async write(data: string | Uint8Array): Promise<void> {
    if (this.#error === undefined && !this.#stream.write(data)) await this.#woken();
    if (this.#error !== undefined) throw this.#error;
  }

  async close(): Promise<void> {
    this.#stream.off("drain", this.#onDrain);
    if (this.#error === undefined) {
      const woken = this.#woken();
      this.#flush(this.#stream, () => this.#wake?.());
      await woken;
    }
    this.#stream.off("error", this.#onError);
    if (this.#error !== undefined) throw this.#error;
  }

  #woken(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }
}

/** If the reader of a pipe has gone away (`nagare get … | head`), the command ends without a message. */
function explainStdout(error: NodeJS.ErrnoException): CliError {
  if (error.code === "EPIPE" || error.code === "ERR_STREAM_DESTROYED") return silentExit(EXIT.writeFailed);
  return new CliError("WRITE_FAILED", `cannot write to stdout: ${error.code ?? error.message}`, {
    exitCode: EXIT.writeFailed,
    cause: error,
  });
}

function explainFile(error: Error, path: string): CliError {
  const { code, message, hint } = describe(Object.assign(error, { path }));
  return new CliError(code, message, { exitCode: EXIT.writeFailed, hint, cause: error });
}
