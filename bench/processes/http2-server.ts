/** node:http2 serving the same files: the baseline that Node offers without us. */

import { readFileSync, statSync } from "node:fs";
import { createSecureServer } from "node:http2";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import type { ServerOrder, ServerReady } from "../messages.ts";

/** Files up to this size are kept in memory, as in our own server. */
const SMALL = 64 * 1024;

process.once("message", ({ certFile, keyFile, directory, host }: ServerOrder) => {
  const kept = new Map<string, Buffer>();
  const server = createSecureServer({ cert: readFileSync(certFile), key: readFileSync(keyFile) });
  server.on("stream", (stream, headers) => {
    const path = join(directory, headers[":path"]!);
    const content = kept.get(path);
    if (content !== undefined) {
      stream.respond({ ":status": 200, "content-length": content.length });
      stream.end(content);
      return;
    }
    const { size } = statSync(path);
    if (size <= SMALL) kept.set(path, readFileSync(path));
    stream.respondWithFile(path, { "content-length": size });
  });
  server.listen(0, host, () => {
    process.send!({ port: (server.address() as AddressInfo).port } satisfies ServerReady);
  });
});

process.once("SIGTERM", () => process.exit(0));
process.once("disconnect", () => process.exit(0));
