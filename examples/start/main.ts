// `npm start`: serves examples/site over HTTP/1.1, HTTP/2 and HTTP/3, requests it once with our own client, and opens a
// browser on request. It uses the same imports as any program: `nagare` and `nagare/client`.
import { chromiumFlags, developmentIdentity, ServeError, serve } from "nagare";
import { createClient } from "nagare/client";
import { createApp } from "./app.ts";
import { browserCommand, findChromium, hasDisplay, openBrowser } from "./browser.ts";
import { listenForKeys } from "./keys.ts";
import { whenOrphaned } from "./parent.ts";

const stopping = new AbortController();
const identity = await developmentIdentity();
const client = createClient({ protocols: ["h3"], ca: identity.cert });
const app = createApp({ client, ca: identity.cert, certificate: identity.sha256, stopping: stopping.signal });
const host = process.env.HOST ?? "localhost";
const port = Number(process.env.PORT ?? 4433);

const server = await serve({ port, host, tls: identity }, app.handler).catch((error: unknown) => {
  if (!(error instanceof ServeError)) throw error;
  const hint = error.code === "PORT_IN_USE" ? " (PORT=4434 npm start)" : "";
  process.stderr.write(`nagare: ${error.message}${hint}\n`);
  process.exit(1);
});
const url = server.url.href;
const flags = chromiumFlags(url, identity);
const chromium = findChromium(process.env);
const command = browserCommand(chromium, flags, url);
app.started({ url, browser: command });

const stopKeys = listenForKeys(process.stdin, { o: open, q: stop });
whenOrphaned(stop);
process.on("SIGTERM", stop).on("SIGINT", stop);
say(url);
say(`  ${await firstRequest()}`);
say(hint());

/** The result of the first request: protocol, handshake time, status, bytes. */
async function firstRequest(): Promise<string> {
  try {
    const response = await client.fetch(url);
    const body = await response.arrayBuffer();
    const { protocol, connection } = client.facts(response)!;
    const handshake = (connection.handshakeEnd ?? 0) - (connection.handshakeStart ?? 0);
    return `${protocol} · handshake ${handshake.toFixed(1)} ms · ${response.status} · ${body.byteLength} bytes`;
  } catch (error) {
    return `HTTP/3 does not work here: ${(error as Error).message}`; // HTTP/1.1 and HTTP/2 do.
  }
}

function hint(): string {
  const problem = "Browsers refuse HTTP/3 with a development certificate";
  if (!hasDisplay(process.env)) return `${problem}. This machine has no display; on one that has, run:\n  ${command}`;
  if (!process.stdin.isTTY) return `${problem}. Run this in a terminal and press o to open a Chromium that accepts it.`;
  if (chromium === undefined)
    return `${problem}. Install Chromium and press o to open the page over HTTP/3; press q to quit.`;
  return `${problem}. Press o to open a Chromium that accepts it, q to quit.`;
}

function open(): void {
  if (chromium === undefined) say("found no Chromium or Chrome on PATH; on Debian, run: apt-get install chromium");
  else if (!hasDisplay(process.env)) say(`This machine has no display; on one that has, run:\n  ${command}`);
  else openBrowser(chromium, flags, url, say);
}

/** The first call lets requests finish, the second does not wait. */
function stop(): void {
  if (stopping.signal.aborted) process.exit(130);
  stopKeys();
  stopping.abort();
  void Promise.all([server.close(), client.close()]).then(() => process.exit(0));
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
