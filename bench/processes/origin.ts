/** The origin behind the measured proxies: node:http, which answers `/memory/N` with N bytes. */

import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { ServerReady } from "../messages.ts";

const contents = new Map<string, Buffer>();

const server = createServer((request, response) => {
  const path = request.url!;
  let content = contents.get(path);
  if (content === undefined) {
    content = Buffer.alloc(Number(/^\/memory\/(\d+)$/.exec(path)?.[1] ?? 0), "x");
    contents.set(path, content);
  }
  response.writeHead(200, { "content-type": "application/octet-stream", "content-length": content.length });
  response.end(content);
});
server.keepAliveTimeout = 120_000;
server.listen(0, "127.0.0.1", () => {
  process.send!({ port: (server.address() as AddressInfo).port } satisfies ServerReady);
});

process.once("SIGTERM", () => process.exit(0));
process.once("disconnect", () => process.exit(0));
