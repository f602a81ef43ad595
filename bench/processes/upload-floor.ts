/** An upload by tus 1.0 in a few lines on node:http2 and node:https: what Node itself costs for it, without checks of any kind. */

import { createWriteStream, readFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { createSecureServer } from "node:http2";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import type { ServerOrder, ServerReady } from "../messages.ts";

const TUS = { "tus-resumable": "1.0.0" };

process.once("message", ({ certFile, keyFile, directory, host }: ServerOrder) => {
  const file = join(directory, "floor.bin");
  let length = 0;
  let offset = 0;
  const tls = { cert: readFileSync(certFile), key: readFileSync(keyFile), allowHTTP1: true };
  const server = createSecureServer(tls, async (request, response) => {
    const answer = (status: number, fields: Record<string, string> = {}): void => {
      response.writeHead(status, { ...TUS, ...fields });
      response.end();
    };
    if (request.method === "POST") {
      length = Number(request.headers["upload-length"]);
      offset = 0;
      answer(201, { location: "/files/1" });
    } else if (request.method === "PATCH") {
      request.on("data", (chunk: Uint8Array) => {
        offset += chunk.byteLength;
      });
      // With a sync before the answer, as our server does.
      await pipeline(request, createWriteStream(file, { highWaterMark: 256 * 1024, flush: true } as object));
      answer(204, { "upload-offset": String(offset) });
    } else if (request.method === "DELETE") {
      await rm(file, { force: true });
      answer(204);
    } else if (request.method === "HEAD") answer(200, { "upload-offset": `${offset}`, "upload-length": `${length}` });
    else answer(204, { "tus-version": "1.0.0", "tus-extension": "creation,termination" });
  });
  server.listen(0, host, () => {
    process.send!({ port: (server.address() as AddressInfo).port } satisfies ServerReady);
  });
});

process.once("SIGTERM", () => process.exit(0));
process.once("disconnect", () => process.exit(0));
