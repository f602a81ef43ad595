// Runs the command line in this process, with streams that tests can read.
import { Readable, Writable } from "node:stream";
import type { InterruptSignal, Io } from "../../src/cli/io.ts";
import { runCli } from "../../src/cli/program.ts";

export interface Run {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
  /** stdout as raw bytes. */
  readonly bytes: Buffer;
}

export interface RunOptions {
  readonly env?: Record<string, string>;
  readonly stdin?: string;
  readonly isTTY?: boolean;
  /** Called with a function that sends a signal. */
  readonly interrupt?: (send: (signal: InterruptSignal) => void) => void;
}

export async function run(args: readonly string[], options: RunOptions = {}): Promise<Run> {
  const stdout = new Sink(options.isTTY === true);
  const stderr = new Sink(options.isTTY === true);
  const listeners = new Set<(signal: InterruptSignal) => void>();
  const io: Io = {
    stdin: Readable.from([Buffer.from(options.stdin ?? "")]),
    stdout,
    stderr,
    env: options.env ?? {},
    onInterrupt(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
  };
  options.interrupt?.((signal) => {
    for (const listener of listeners) listener(signal);
  });
  const exitCode = await runCli(args, io);
  process.exitCode = undefined; // otherwise that of the test runner
  return { exitCode, stdout: stdout.text, stderr: stderr.text, bytes: stdout.bytes };
}

class Sink extends Writable {
  readonly isTTY: boolean;
  readonly columns = 80;
  readonly #chunks: Buffer[] = [];

  constructor(isTTY: boolean) {
    super();
    this.isTTY = isTTY;
  }

  override _write(chunk: Buffer, _encoding: string, callback: () => void): void {
    this.#chunks.push(chunk);
    callback();
  }

  get bytes(): Buffer {
    return Buffer.concat(this.#chunks);
  }

  get text(): string {
    return this.bytes.toString();
  }
}
