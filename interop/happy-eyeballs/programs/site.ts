/** The site in the server's namespace: HTTPS over all versions at port 443, and HTTP/1.1 at port 80, at all its addresses. */

import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { serve } from "../../../src/edge/index.ts";

const [cert, key] = process.argv.slice(2).map((path) => readFileSync(path));
process.on("disconnect", () => process.exit());
await serve({ port: 443, host: "::", cert: cert!, key: key!, log: () => {} }, () => new Response("hello\n"));
createServer((_, response) => response.end("hello\n")).listen(80, "::", () => process.send!({ type: "ready" }));
