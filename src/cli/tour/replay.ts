// Partial POST Replay: curl uploads through the edge, while the origin that gets the upload shuts down.
import { createHash, randomBytes } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { serve } from "../../edge/serve.ts";
import type { Server } from "../../edge/server.ts";
import { ConfiguredServer } from "./configured-server.ts";
import { sha256 } from "./own-server.ts";
import { peerPath, runPeer } from "./peer.ts";
import type { Row } from "./row.ts";

const SIZE = 8 << 20;
/** Bytes after which the origin shuts down. */
const PART = 2 << 20;

/** An origin that shuts down in the middle of the first upload. */
async function startOrigin(state: { isLeft: boolean }): Promise<Server> {
  const handBack = { trusted: ["127.0.0.0/8", "::1"] };
  const server: Server = await serve({ port: 0, host: "localhost", handBack, log: () => {} }, async (request) => {
    const hash = createHash("sha256");
    let bytes = 0;
    for await (const chunk of request.body ?? []) {
      hash.update(chunk as Uint8Array);
      bytes += (chunk as Uint8Array).byteLength;
      if (bytes < PART || state.isLeft) continue;
      state.isLeft = true;
      void server.close();
    }
    return new Response(`${request.headers.get("partial-post-replay") ?? "0"} ${hash.digest("hex")}`);
  });
  return server;
}

export const REPLAY_ROWS: readonly Row[] = [
  {
    system: "partial-post-replay",
    peer: "curl",
    against: "curl",
    command: "npm run replay -- --clients 2 --size 20",
    async run(context) {
      const curl = await peerPath(context, "curl");
      const content = randomBytes(SIZE);
      await writeFile(join(context.directory, "upload"), content);
      const state = { isLeft: false };
      const origins = [await startOrigin(state), await startOrigin(state)];
      const configured = new ConfiguredServer(context);
      try {
        const proxy = {
          origins: origins.map(({ port }) => `https://localhost:${port}`),
          rejectUnauthorized: false,
          partialPostReplay: true,
        };
        const url = await configured.start({
          listen: { port: 0 },
          sites: { "*": { tls: "development", routes: [{ path: "/*", proxy }] } },
        });
        const options = ["-sSk", "--max-time", "25", "--limit-rate", "16M", "-w", " %{http_code}"];
        const { stdout } = await runPeer(context, curl, [...options, "-T", "upload", `${url}upload`]);
        const wanted = `1 ${sha256(content)} 200`;
        if (stdout !== wanted) throw new Error(`the upload gave ${stdout} instead of ${wanted}`);
        return `${SIZE >> 20} MB arrived whole, though the first origin shut down after ${PART >> 20} MB`;
      } finally {
        await configured.stop();
        await Promise.all(origins.map((origin) => origin.close({ timeout: 0 })));
      }
    },
  },
];
