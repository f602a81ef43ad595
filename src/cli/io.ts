// The parts of the process that a command may use. Tests pass in their own.
import type { Readable, Writable } from "node:stream";
import { isatty } from "node:tty";
import pc from "picocolors";

export type Output = Writable & { readonly isTTY?: boolean; readonly columns?: number };

export interface Io {
  readonly stdin: Readable;
  readonly stdout: Output;
  readonly stderr: Output;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Calls the listener on each SIGINT and SIGTERM until the returned function is called. Without one, a signal ends the process. */
  onInterrupt(listener: (signal: InterruptSignal) => void): () => void;
  /** Calls the listener on each SIGHUP until the returned function is called. Absent on Windows, which has no such signal. */
  onReload?(listener: () => void): () => void;
  /** Ends the process soon, even if something keeps it alive. Absent if the process is not the command's own. */
  exitSoon?(): void;
}

export type InterruptSignal = "SIGINT" | "SIGTERM";

/** Milliseconds that timers and sockets of a module may keep the process alive after its server has closed. */
const LEFTOVER_TIME = 250;

export function processIo(): Io {
  const { stdin, stdout, stderr, env } = process;
  // If a reader has gone away (`nagare get … | head`), write() below rejects; the event adds nothing.
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
    ...(process.platform === "win32" ? {} : { onReload }),
    exitSoon() {
      setTimeout(() => process.exit(), LEFTOVER_TIME).unref();
    },
  };
}

function onReload(listener: () => void): () => void {
  const hasTerminal = isatty(0);
  const onHangup = (): void => {
    // A terminal that was closed sends the same signal.
    if (hasTerminal && !isatty(0)) process.kill(process.pid, "SIGTERM");
    else listener();
  };
  process.on("SIGHUP", onHangup);
  return () => void process.off("SIGHUP", onHangup);
}

export type Colors = ReturnType<typeof pc.createColors>;

/** Colors if the stream is a terminal, unless NO_COLOR is set (https://no-color.org). */
export function colorsFor(output: Output, env: Io["env"]): Colors {
  const refused = (env.NO_COLOR ?? "") !== "" || env.TERM === "dumb";
  const forced = (env.FORCE_COLOR ?? "") !== "" && env.FORCE_COLOR !== "0";
  return pc.createColors(forced || (output.isTTY === true && !refused));
}

/** Writes, and waits for a slow reader. Rejects if the reader has gone away. */
export function write(output: Output, data: string | Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    output.write(data, (error) => (error ? reject(error) : resolve()));
  });
}
