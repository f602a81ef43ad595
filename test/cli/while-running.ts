/** Commands that run until they are interrupted, in this process. */

import { PassThrough, Writable } from "node:stream";
import type { InterruptSignal, Io } from "../../src/cli/io.ts";
import { runCli } from "../../src/cli/program.ts";

/** Runs the command until `use` is done with its first line of output, then interrupts it. */
export async function whileRunning(
  args: readonly string[],
  use: (line: string) => Promise<void>,
  onError: (text: string) => void = () => undefined,
): Promise<number> {
  const listeners = new Set<(signal: InterruptSignal) => void>();
  let onLine: (line: string) => void = () => undefined;
  const first = new Promise<string>((resolve) => {
    onLine = resolve;
  });
  const io: Io = {
    stdin: new PassThrough(),
    stdout: new Writable({
      write(chunk: Buffer, _encoding, callback) {
        onLine(chunk.toString().trim());
        callback();
      },
    }),
    stderr: new Writable({
      write(chunk: Buffer, _encoding, callback) {
        onError(chunk.toString());
        callback();
      },
    }),
    env: {},
    onInterrupt(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
  };
  const code = runCli(args, io);
  await use(await first);
  for (const listener of [...listeners]) listener("SIGINT");
  const exitCode = await code;
  process.exitCode = undefined; // otherwise that of the test runner
  return exitCode;
}
