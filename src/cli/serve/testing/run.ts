/** A command of the CLI in this process, for tests. */

import { once } from "node:events";
import { PassThrough } from "node:stream";
import type { InterruptSignal, Io } from "../../io.ts";
import { runCli } from "../../program.ts";

/** Runs a command as a process would: captures its output and exit code, and delivers signals to it. */
export class Run {
  stdout = "";
  stderr = "";
  readonly code: Promise<number>;
  #listeners = new Set<(signal: InterruptSignal) => void>();
  readonly #hangups = new Set<() => void>();
  readonly #printed = new PassThrough();

  constructor(args: readonly string[], env: Record<string, string> = {}) {
    const output = (take: (text: string) => void): PassThrough => {
      const stream = new PassThrough();
      stream.on("data", (data: Buffer) => {
        take(data.toString());
        this.#printed.emit("printed");
      });
      return stream;
    };
    const io: Io = {
      stdin: new PassThrough(),
      stdout: output((text) => {
        this.stdout += text;
      }),
      stderr: output((text) => {
        this.stderr += text;
      }),
      env,
      onReload: (listener) => {
        this.#hangups.add(listener);
        return () => void this.#hangups.delete(listener);
      },
      onInterrupt: (listener) => {
        this.#listeners.add(listener);
        return () => void this.#listeners.delete(listener);
      },
    };
    this.code = runCli(args, io);
  }

  signal(name: InterruptSignal): void {
    for (const listener of this.#listeners) listener(name);
  }

  /** Sends SIGHUP. */
  hangUp(): void {
    for (const listener of this.#hangups) listener();
  }

  /** Waits until stderr or stdout contains a text. */
  async said(text: string): Promise<void> {
    while (!`${this.stderr}${this.stdout}`.includes(text)) await once(this.#printed, "printed");
  }

  /** Waits until the URL is printed. */
  async url(): Promise<URL> {
    const found = (): string | undefined => /https:\/\/[^"\s]+/.exec(this.stdout)?.[0];
    while (found() === undefined) {
      const ended = await Promise.race([once(this.#printed, "printed"), this.code]);
      if (typeof ended === "number") throw new Error(`exited with ${ended}: ${this.stderr}`);
    }
    return new URL(found()!);
  }
}
