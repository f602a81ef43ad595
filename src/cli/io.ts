// What a command may touch of the process around it. Tests hand in their own.
import type { Readable, Writable } from "node:stream";
import pc from "picocolors";

export type Output = Writable & { readonly isTTY?: boolean; readonly columns?: number };

export interface Io {
  readonly stdin: Readable;
  readonly stdout: Output;
  readonly stderr: Output;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Calls back at each SIGINT and SIGTERM until the returned function is called. Without a listener, a signal ends the process. */
  onInterrupt(listener: (signal: InterruptSignal) => void): () => void;
  /** Ends the process soon, whatever still keeps it alive. Absent where the process is not the command's own. */
  exitSoon?(): void;
}

export type InterruptSignal = "SIGINT" | "SIGTERM";

/** How long what a module has left running may keep the process after its server has closed. */
const LEFTOVER_TIME = 250;

export function processIo(): Io {
  const { stdin, stdout, stderr, env } = process;
  // A reader that left (`nagare get … | head`) is told to whoever writes, by write() below: the event says nothing more.
  for (const output of [stdout, stderr]) output.on("error", () => {});
  return {
    stdin,
    stdout,
    stderr,
    env,
    onInterrupt(listener) {
      process.on("SIGINT", listener).on("SIGTERM", listener);
      return () => void process.off("SIGINT", listener).off("SIGTERM", listener);
    },
    exitSoon() {
      setTimeout(() => process.exit(), LEFTOVER_TIME).unref();
    },
  };
}

export type Colors = ReturnType<typeof pc.createColors>;

/** Colours for a stream that is a terminal, unless NO_COLOR says otherwise (https://no-color.org). */
export function colorsFor(output: Output, env: Io["env"]): Colors {
  const refused = (env.NO_COLOR ?? "") !== "" || env.TERM === "dumb";
  const forced = (env.FORCE_COLOR ?? "") !== "" && env.FORCE_COLOR !== "0";
  return pc.createColors(forced || (output.isTTY === true && !refused));
}

/** Writes, and waits while the reader is slower. Rejects when the reader is gone. */
export function write(output: Output, data: string | Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    output.write(data, (error) => (error ? reject(error) : resolve()));
  });
}
