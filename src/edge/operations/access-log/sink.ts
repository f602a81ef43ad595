/** Where the lines of an access log go: a file, standard output, or a logger. */

import { createWriteStream, promises, type WriteStream } from "node:fs";
import { guard, reportFault } from "../../../host/guard.ts";
import { LineWriter } from "../../../host/line-writer.ts";
import { ServeError } from "../../../host/listen/errors.ts";

export interface LineSink {
  write(line: string): void;
  /** Lines that were dropped because the reader was slow, or the file could not be written. */
  readonly dropped: number;
  /** Opens the file again, after a rotation has moved it. */
  reopen(): Promise<void>;
  /** Resolves when everything is written. */
  close(): Promise<void>;
}

/** For standard output, which stays open. */
export class OutputSink implements LineSink {
  readonly #lines: LineWriter;

  constructor(limit: number | undefined, output: NodeJS.WritableStream = process.stdout) {
    this.#lines = new LineWriter(output as NodeJS.WriteStream, { limit });
  }

  write(line: string): void {
    this.#lines.write(line);
  }
  get dropped(): number {
    return this.#lines.dropped;
  }
  async reopen(): Promise<void> {}
  async close(): Promise<void> {}
}

/** Readable by the server's user and group: an access log holds personal data. */
const MODE = 0o640;

/**
 * Appends to a file. Several processes may share it: each write begins at the end of the file and holds whole lines. A
 * file that cannot be written any more loses its lines, which are counted, until it is reopened.
 */
export class FileSink implements LineSink {
  readonly #path: string;
  readonly #limit: number | undefined;
  readonly #log: (line: string) => void;
  #stream: WriteStream;
  #lines: LineWriter;
  /** Dropped by previous writers. */
  #droppedBefore = 0;

  private constructor(path: string, limit: number | undefined, log: (line: string) => void, stream: WriteStream) {
    this.#path = path;
    this.#limit = limit;
    this.#log = log;
    this.#stream = this.#watched(stream);
    this.#lines = new LineWriter(stream, { limit });
  }

  /** Rejects with a `ServeError` if the file cannot be opened. */
  static async open(path: string, limit: number | undefined, log: (line: string) => void): Promise<FileSink> {
    try {
      return new FileSink(path, limit, log, await openStream(path));
    } catch (cause) {
      const { code, message } = cause as NodeJS.ErrnoException;
      throw new ServeError("OPTION_INVALID", `cannot write the access log ${path}: ${code ?? message}`, { cause });
    }
  }

  #watched(stream: WriteStream): WriteStream {
    stream.on(
      "error",
      guard("access log error", reportFault, (error: Error) =>
        this.#log(`nagare: the access log ${this.#path} is incomplete until it is reopened (SIGHUP): ${error.message}`),
      ),
    );
    return stream;
  }

  write(line: string): void {
    this.#lines.write(line);
  }

  get dropped(): number {
    return this.#droppedBefore + this.#lines.dropped;
  }

  /** The previous file stays in use if the new one cannot be opened. */
  async reopen(): Promise<void> {
    let stream: WriteStream;
    try {
      stream = await openStream(this.#path);
    } catch (error) {
      this.#log(`nagare: the previous access log stays in use: ${(error as Error).message}`);
      return;
    }
    const previous = this.#stream;
    this.#droppedBefore += this.#lines.dropped;
    this.#stream = this.#watched(stream);
    this.#lines = new LineWriter(stream, { limit: this.#limit });
    await ended(previous);
  }

  close(): Promise<void> {
    return ended(this.#stream);
  }
}

async function openStream(path: string): Promise<WriteStream> {
  const file = await promises.open(path, "a", MODE);
  return createWriteStream(path, { fd: file });
}

function ended(stream: WriteStream): Promise<void> {
  if (stream.destroyed) return Promise.resolve();
  return new Promise((resolve) => {
    stream.once("close", () => resolve());
    stream.end();
  });
}
