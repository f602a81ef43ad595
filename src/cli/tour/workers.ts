// Workers: real processes that serve a folder, replaced while a download is in progress.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { createClient } from "../../client/index.ts";
import { NoPeer, type Row, type RowContext } from "./row.ts";

const SIZE = 64 * 1024 * 1024;

export const WORKERS_ROWS: readonly Row[] = [
  {
    system: "workers",
    peer: "own",
    against: "own client",
    command: "nagare serve --workers 2 . & nagare reload",
    async run(context) {
      if (process.platform === "win32") throw new NoPeer("Windows does not pass on sockets");
      await writeFile(join(context.directory, "large.bin"), new Uint8Array(SIZE));
      const server = start(context);
      try {
        const lines = createInterface({ input: server.stdout! });
        const [url] = (await once(lines, "line", { signal: context.signal })) as [string];
        await using client = createClient({ protocols: ["h3"], rejectUnauthorized: false });
        const response = await client.fetch(`${url}large.bin`, { signal: context.signal });
        const reader = response.body!.getReader();
        // The rest waits in the server until the reload is over.
        let received = (await reader.read()).value!.length;
        await reload(context);
        for (let next = await reader.read(); !next.done; next = await reader.read()) received += next.value.length;
        if (received !== SIZE) throw new Error(`${received} of ${SIZE} bytes arrived`);
        return "a download over HTTP/3 went on through a reload of both processes";
      } finally {
        server.kill("SIGTERM");
        if (server.exitCode === null) await once(server, "exit");
      }
    },
  },
];

const own = (...args: readonly string[]): string[] => [...process.execArgv, process.argv[1]!, ...args];

/** Keeps its files in the row's folder, so that `reload` finds only this server. */
const environment = ({ env, directory }: RowContext): NodeJS.ProcessEnv => ({ ...env, XDG_CACHE_HOME: directory });

function start(context: RowContext): ChildProcess {
  return spawn(process.execPath, own("serve", "--workers", "2", "-p", "0", context.directory), {
    env: environment(context),
    stdio: ["ignore", "pipe", "ignore"],
  });
}

async function reload(context: RowContext): Promise<void> {
  const command = spawn(process.execPath, own("reload"), {
    env: environment(context),
    stdio: ["ignore", "ignore", "pipe"],
    signal: context.signal,
  });
  let problem = "";
  command.stderr.on("data", (chunk: Buffer) => {
    problem += chunk.toString();
  });
  const [code] = (await once(command, "close")) as [number | null];
  if (code !== 0) throw new Error(`nagare reload failed: ${problem.trim()}`);
}
