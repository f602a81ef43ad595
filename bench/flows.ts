/** Downloads without end that run beside each other, and how much of each has arrived. */

import { mkdtemp, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { HOST } from "../interop/certificates.ts";
import { Child } from "../interop/child.ts";
import type { TcpFlowOrder } from "./messages.ts";
import { OwnProcess } from "./own-process.ts";

export interface Flow extends AsyncDisposable {
  /** The bytes of content that have arrived. Throws if the flow has ended. */
  received(): Promise<number>;
}

export interface Server {
  readonly host: string;
  readonly port: number;
}

/** More than arrives in any measurement. */
const ENDLESS = 10_000_000_000;

export interface QuicFlowOptions {
  readonly gtlsclient: string;
  /** For what arrives, as long as the flow lasts. */
  readonly folder: string;
  /** What goes before the command. */
  readonly exec?: readonly string[];
}

export async function quicFlow({ host, port }: Server, options: QuicFlowOptions): Promise<Flow> {
  const { gtlsclient, folder, exec = [] } = options;
  const directory = await mkdtemp(join(folder, "flow-"));
  const child = new Child([
    ...exec,
    ...[gtlsclient, "--quiet", `--sni=${HOST}`, `--download=${directory}`],
    ...[host, `${port}`, `https://${HOST}:${port}/stream/${ENDLESS}`],
  ]);
  return {
    async received() {
      if (!child.isRunning) throw new Error(`gtlsclient has ended: ${child.lastLine()}`);
      return (await stat(join(directory, `${ENDLESS}`))).size;
    },
    async [Symbol.asyncDispose]() {
      await child[Symbol.asyncDispose]();
      await rm(directory, { recursive: true });
    },
  };
}

/** A flow of the kernel's TCP. */
export function tcpFlow(server: Server, exec: readonly string[]): Flow {
  const child = new OwnProcess("tcp-flow", { exec });
  child.send({ host: server.host, port: server.port } satisfies TcpFlowOrder);
  return {
    received: () => child.request<number>({}),
    [Symbol.asyncDispose]: () => child[Symbol.asyncDispose](),
  };
}
