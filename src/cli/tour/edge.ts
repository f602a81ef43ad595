// The edge: a configuration file with a reverse proxy, a folder and a redirect, changed while the server runs.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createInterface, type Interface } from "node:readline";
import { createClient } from "../../client/index.ts";
import { type Server, serve } from "../../edge/index.ts";
import { peerPath, runPeer } from "./peer.ts";
import type { Row, RowContext } from "./row.ts";

export const EDGE_ROWS: readonly Row[] = [
  {
    system: "edge",
    peer: "curl",
    against: "curl, own origin",
    command: "nagare serve --config nagare.config.ts",
    async run(context) {
      const curl = await peerPath(context, "curl");
      const origin = await startOrigin();
      const configured = new ConfiguredServer(context, origin.port);
      try {
        const url = await configured.start();
        const asked = async (path: string, ...options: string[]): Promise<string> =>
          (await runPeer(context, curl, ["-sS", "-k", "--max-time", "20", ...options, `${url}${path}`])).stdout.trim();
        expectText("a proxied request", await asked("api/hello", "--http1.1"), "origin: /hello by 1.1 nagare");
        expectText("a file", await asked("index.html"), "first");
        expectText(
          "a redirect",
          await asked("old/7", "-o", "-", "-w", "%{redirect_url}"),
          `308 Permanent Redirect\n${url}new/7`,
        );
        await configured.change("second");
        expectText("a file after the change", await asked("other/index.html"), "second");
        await using client = createClient({ protocols: ["h3"], rejectUnauthorized: false });
        const response = await client.fetch(`${url}api/hello`, { signal: context.signal });
        expectText("a proxied request over HTTP/3", await response.text(), "origin: /hello by 3 nagare");
        return "a proxy, a folder and a redirect of one file, which was changed while they answered";
      } finally {
        await configured.stop();
        await origin.close({ timeout: 0 });
      }
    },
  },
];

function expectText(what: string, text: string, wanted: string): void {
  if (text !== wanted) throw new Error(`${what} gave ${JSON.stringify(text)} instead of ${JSON.stringify(wanted)}`);
}

/** Answers with the path, and with the version that Via says the client used. */
const startOrigin = (): Promise<Server> =>
  serve({ port: 0, host: "localhost" }, (request) => {
    const via = request.headers.get("via")?.replace(/-[0-9a-f]+$/, "");
    return new Response(`origin: ${new URL(request.url).pathname} by ${via}`);
  });

class ConfiguredServer {
  readonly #context: RowContext;
  readonly #origin: number;
  #child: ChildProcess | undefined;
  #log: Interface | undefined;

  constructor(context: RowContext, origin: number) {
    this.#context = context;
    this.#origin = origin;
  }

  get #file(): string {
    return join(this.#context.directory, "nagare.config.json");
  }

  /** Returns its URL. */
  async start(): Promise<string> {
    const { directory, env, signal } = this.#context;
    await writeFile(join(directory, "index.html"), "first");
    await this.#write([]);
    const args = [...process.execArgv, process.argv[1]!, "serve", "--config", this.#file];
    const child = spawn(process.execPath, args, {
      env: { ...env, XDG_CACHE_HOME: directory },
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.#child = child;
    this.#log = createInterface({ input: child.stderr! });
    const [url] = (await once(createInterface({ input: child.stdout! }), "line", { signal })) as [string];
    return url;
  }

  /** Adds a site's folder while the server runs, and waits until it is in use. */
  async change(content: string): Promise<void> {
    await writeFile(join(this.#context.directory, "index.html"), content);
    await this.#write([{ path: "/other/*", stripPrefix: "/other", files: "." }]);
    for await (const [line] of lines(this.#log!, this.#context.signal)) if (line.endsWith("is in use")) return;
  }

  #write(more: readonly object[]): Promise<void> {
    const routes = [
      {
        path: "/api/*",
        stripPrefix: "/api",
        proxy: { origins: [`https://localhost:${this.#origin}`], rejectUnauthorized: false },
      },
      { path: "/old/:id", redirect: "/new/:id" },
      ...more,
      { path: "/*", files: ".", headers: { "x-site": "tour" }, compress: true },
    ];
    const config = { listen: { port: 0 }, sites: { "*": { tls: "development", routes } } };
    return writeFile(this.#file, JSON.stringify(config));
  }

  async stop(): Promise<void> {
    this.#child?.kill("SIGTERM");
    if (this.#child?.exitCode === null) await once(this.#child, "exit");
  }
}

async function* lines(log: Interface, signal: AbortSignal): AsyncGenerator<[string]> {
  for (;;) yield (await once(log, "line", { signal })) as [string];
}
