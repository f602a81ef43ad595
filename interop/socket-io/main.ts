/**
 * Unmodified socket.io on `nagare/node`, with its client in Chromium: `npm run interop-socket-io`. The connection begins with
 * polling, is upgraded to WebTransport, and carries 1,000 messages each way, of text and of bytes.
 */

import { chromium as playwright } from "playwright-core";
import { Server } from "socket.io";
import { CHROMIUM, findProgram } from "../../src/cli/find-program.ts";
import { developmentIdentity } from "../../src/host/certificates/index.ts";
import type { WebTransportRequest } from "../../src/host/webtransport/web-transport-request.ts";
import { createServer } from "../../src/node/index.ts";

const MESSAGES = 1_000;

/** Runs in the page: socket.io's own client, which its server serves, and whose options name the certificate. */
const PAGE = `async (hash, count) => {
  const { io } = await import("/socket.io/socket.io.esm.min.js");
  const socket = io({
    transports: ["polling", "webtransport"],
    transportOptions: {
      webtransport: { serverCertificateHashes: [{ algorithm: "sha-256", value: new Uint8Array(hash) }] },
    },
  });
  const upgraded = new Promise((resolve) => socket.io.on("open", () => socket.io.engine.on("upgrade", ({ name }) => resolve(name))));
  await new Promise((resolve, reject) => { socket.on("connect", resolve); socket.on("connect_error", reject); });
  const transport = await upgraded;
  let texts = 0;
  let bytes = 0;
  const all = new Promise((resolve) => socket.on("back", (n, data) => {
    if (n !== texts || data.byteLength !== 100 || new Uint8Array(data)[0] !== n % 256) throw new Error("a message differs");
    texts += 1;
    bytes += data.byteLength;
    if (texts === count) resolve();
  }));
  for (let n = 0; n < count; n += 1) socket.emit("message", n, new Uint8Array(100).fill(n));
  await all;
  const still = socket.io.engine.transport.name;
  socket.disconnect();
  return { transport, still, texts, bytes };
}`;

const path = await findProgram(CHROMIUM, process.env);
if (path === undefined) {
  process.stderr.write("skipped: there is no Chromium; on Debian, run: apt-get install chromium\n");
  process.exit(0);
}
const identity = await developmentIdentity();
const server = createServer({ cert: identity.cert, key: identity.key }, (_request, response) => {
  response.writeHead(200, { "content-type": "text/html" }).end("<!doctype html>");
});
const io = new Server(server as never, { transports: ["polling", "websocket", "webtransport"] });
server.on("webtransport", (request: WebTransportRequest) => {
  if (request.url.startsWith("/socket.io/")) void io.engine.onWebTransportSession(request.accept());
  else request.refuse();
});
let received = 0;
io.on("connection", (socket) => {
  socket.on("message", (n: number, data: Uint8Array) => {
    received += 1;
    socket.emit("back", n, data);
  });
});
await new Promise<void>((resolve) => server.listen(0, "localhost", () => resolve()));
const { port } = server.address() as { port: number };
// The page comes over TCP, where a flag accepts the key; the session goes by the certificate's hash.
const browser = await playwright.launch({
  executablePath: path,
  args: ["--no-sandbox", `--ignore-certificate-errors-spki-list=${identity.spkiHash}`],
});
try {
  const page = await browser.newPage();
  await page.goto(`https://localhost:${port}/`);
  const seen = await page.evaluate<Record<string, unknown>>(`(${PAGE})([${identity.sha256.join()}], ${MESSAGES})`);
  const isRight = seen.transport === "webtransport" && seen.texts === MESSAGES && received === MESSAGES;
  process.stdout.write(`${isRight ? "✓" : "✗"} socket.io: ${JSON.stringify({ ...seen, received })}\n`);
  process.exitCode = isRight ? 0 : 1;
} finally {
  await browser.close();
  await io.close();
  server.close();
}
process.exit();
