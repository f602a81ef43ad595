// The edge: a configuration file with a reverse proxy, a folder and a redirect, changed while the server runs.
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createClient } from "../../client/index.ts";
import { type Server, serve } from "../../edge/index.ts";
import { ConfiguredServer } from "./configured-server.ts";
import { peerPath, runPeer } from "./peer.ts";
import type { Row } from "./row.ts";

export const EDGE_ROWS: readonly Row[] = [
  {
    system: "edge",
    peer: "curl",
    against: "curl, own origin",
    command: "nagare serve --config nagare.config.ts",
    async run(context) {
      const curl = await peerPath(context, "curl");
      const origin = await startOrigin();
      const configured = new ConfiguredServer(context);
      try {
        await writeFile(join(context.directory, "index.html"), "first");
        const url = await configured.start(configuration(origin.port, []));
        const asked = async (path: string, ...options: string[]): Promise<string> =>
          (await runPeer(context, curl, ["-sS", "-k", "--max-time", "20", ...options, `${url}${path}`])).stdout.trim();
        expectText("a proxied request", await asked("api/hello", "--http1.1"), "origin: /hello by 1.1 nagare");
        expectText("a file", await asked("index.html"), "first");
        expectText(
          "a redirect",
          await asked("old/7", "-o", "-", "-w", "%{redirect_url}"),
          `308 Permanent Redirect\n${url}new/7`,
        );
        await writeFile(join(context.directory, "index.html"), "second");
        await configured.change(configuration(origin.port, [{ path: "/other/*", stripPrefix: "/other", files: "." }]));
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

/** `more` are routes before the last one. */
const configuration = (origin: number, more: readonly object[]): object => {
  const proxy = { origins: [`https://localhost:${origin}`], rejectUnauthorized: false };
  const routes = [
    { path: "/api/*", stripPrefix: "/api", proxy },
    { path: "/old/:id", redirect: "/new/:id" },
    ...more,
    { path: "/*", files: ".", headers: { "x-site": "tour" }, compress: true },
  ];
  return { listen: { port: 0 }, sites: { "*": { tls: "development", routes } } };
};
