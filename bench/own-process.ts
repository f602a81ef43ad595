/** One of our own Node processes, with a message channel. */

import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

type ProcessName =
  | "own-server"
  | "own-client"
  | "framework-server"
  | "framework-client"
  | "http2-server"
  | "origin"
  | "steady-client"
  | "attacker"
  | "http-attacker"
  | "soak-client"
  | "certificate-client"
  | "certificate-server"
  | "soak-hostile"
  | "tcp-flow"
  | "datapath-sender"
  | "datapath-receiver"
  | "simulated-transfer"
  | "upload-floor"
  | "webtransport-server";

export interface OwnProcessOptions {
  /** Another, built checkout. */
  readonly checkout?: string | undefined;
  /** What goes before the command, for example to run it in a network namespace. It must replace itself by the command. */
  readonly exec?: readonly string[] | undefined;
}

export class OwnProcess implements AsyncDisposable {
  readonly #child: ChildProcess;

  /** `name` is a file of `processes/` without its extension. With NAGARE_PROFILE=FOLDER, each process writes a CPU profile there. */
  constructor(name: ProcessName, { checkout, exec = [] }: OwnProcessOptions = {}) {
    const folder = process.env.NAGARE_PROFILE;
    const profile = folder === undefined ? [] : ["--cpu-prof", `--cpu-prof-dir=${folder}`];
    const here = fileURLToPath(new URL(".", import.meta.url));
    const built = checkout === undefined ? here : join(checkout, "dist-tools/bench");
    const path = join(built, `processes/${name}.js`);
    const [execPath, ...execArgv] = [...exec, process.execPath, ...profile];
    this.#child = fork(path, { execPath: execPath!, execArgv, serialization: "advanced" });
  }

  get pid(): number {
    return this.#child.pid!;
  }

  /** Sends an order without waiting for an answer. */
  send(order: unknown): void {
    this.#child.send(order as object);
  }

  /** Sends an order and waits for the next message of the process. */
  async request<Answer>(order: unknown): Promise<Answer> {
    const answer = this.next<Answer>();
    this.#child.send(order as object);
    return answer;
  }

  async next<Answer>(): Promise<Answer> {
    const ended = new AbortController();
    try {
      return await Promise.race([
        once(this.#child, "message", ended).then(([message]) => message as Answer),
        once(this.#child, "exit", ended).then(([code]) => {
          throw new Error(`the process exited with code ${code}`);
        }),
      ]);
    } finally {
      ended.abort();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exited = once(this.#child, "exit");
    this.#child.kill("SIGTERM");
    await exited;
  }
}
