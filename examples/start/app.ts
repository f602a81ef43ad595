// The routes, other than files, that the page in examples/site uses. Each is a plain function from Request to Response.
import { readFileSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { type Context, type Handler, serveFiles } from "nagare";
import type { Client } from "nagare/client";
import { inspectSessions } from "nagare/webtransport";
import { download } from "./downloads.ts";
import { echo } from "./echo.ts";
import { eventStream } from "./event-stream.ts";
import { figuresOf } from "./figures.ts";
import { type Load, runRace } from "./race.ts";
import { runTour } from "./tour.ts";

/** nagare/webtransport/browser: one file, for pages without a bundler. */
const SESSIONS = fileURLToPath(import.meta.resolve("nagare/webtransport/browser"));
const SITE = fileURLToPath(new URL("examples/site", import.meta.resolve("nagare/package.json")));
const SAMPLE_INTERVAL = 250;
const INSPECTION_INTERVAL = 500;

export interface AppOptions {
  /** Our own client, which connects to this server over HTTP/3. A page loaded over TCP shows its connection. */
  readonly client: Client;
  readonly ca: string;
  /** SHA-256 of the server's certificate. */
  readonly certificate: Uint8Array;
  /** Aborted when the server is stopping; ends streams that would never end otherwise. */
  readonly stopping: AbortSignal;
}

export interface Started {
  readonly url: string;
  /** The command that opens the page over HTTP/3. */
  readonly browser: string;
}

export interface App {
  readonly handler: Handler;
  started(facts: Started): void;
}

export function createApp({ client, ca, certificate, stopping }: AppOptions): App {
  const files = serveFiles(SITE);
  const script = (): Response =>
    new Response(readFileSync(SESSIONS), { headers: { "content-type": "text/javascript; charset=utf-8" } });
  const race = oneAtATime();
  const tour = oneAtATime();
  let facts: Started = { url: "", browser: "" };

  /** Reopens our own client's connection, which closes after a long idle time. */
  async function connect(): Promise<void> {
    const response = await client.fetch(new URL("/icon.svg", facts.url)).catch(() => undefined); // HTTP/3 may not work here
    await response?.body?.cancel();
  }

  const routes: Readonly<Record<string, Handler>> = {
    "/": (_request, context) => page(context),
    "/api/connection": (_request, context) =>
      json({
        ...describe(context),
        browser: facts.browser,
        certificate: Buffer.from(certificate).toString("base64"),
      }),
    "/session": (_request, context) => echo(context),
    "/webtransport.js": script,
    "/api/live": (_request, context) =>
      eventStream(stopping, context.signal, async (send, signal) => {
        while (!signal.aborted) {
          let figures = figuresOf(context, client);
          if (figures === undefined) {
            await connect();
            figures = figuresOf(context, client);
          }
          send(figures);
          await pause(SAMPLE_INTERVAL, undefined, { signal }).catch(() => undefined); // Aborted: the loop ends.
        }
      }),
    "/api/sessions": (_request, context) =>
      eventStream(stopping, context.signal, async (send, signal) => {
        for (let last = ""; !signal.aborted; ) {
          const sessions = inspectSessions().filter(({ role }) => role === "server");
          const now = JSON.stringify(sessions);
          if (now !== last) send(sessions);
          last = now;
          await pause(INSPECTION_INTERVAL, undefined, { signal }).catch(() => undefined); // Aborted: the loop ends.
        }
      }),
    "/api/work": async () => {
      // For a page loaded over TCP: our own client makes the same download, so that its connection carries traffic.
      const response = await client.fetch(new URL("/download/large", facts.url));
      let bytes = 0;
      for await (const chunk of response.body!) bytes += chunk.byteLength;
      return json({ bytes });
    },
    "/api/race": (request, context) => {
      const load: Load = new URL(request.url).searchParams.get("load") === "small" ? "small" : "large";
      return race(() =>
        eventStream(stopping, context.signal, (send, signal) => runRace({ url: facts.url, ca, load }, send, signal)),
      );
    },
    "/api/tour": (_request, context) => tour(() => eventStream(stopping, context.signal, runTour)),
  };

  return {
    started: (given) => {
      facts = given;
    },
    handler: (request, context) => {
      const { pathname } = new URL(request.url);
      const route = routes[pathname];
      if (route !== undefined || pathname.startsWith("/download/")) {
        if (!isOurs(request)) return new Response("Forbidden\n", { status: 403 });
        return route === undefined ? download(pathname) : route(request, context, context);
      }
      return files(request, context);
    },
  };
}

/** Other sites may link to the page, but may not use the other routes. */
function isOurs(request: Request): boolean {
  const site = request.headers.get("sec-fetch-site");
  const navigates = request.headers.get("sec-fetch-mode") === "navigate";
  return site === null || site === "same-origin" || site === "none" || navigates;
}

/** index.html with the protocol that carries it, so that the page is correct before any script runs. */
function page(context: Context): Response {
  const html = readFileSync(`${SITE}/index.html`, "utf8");
  return new Response(html.replace('data-protocol="unknown"', `data-protocol="${context.protocol}"`), {
    headers: {
      "content-type": "text/html; charset=utf-8",
      "cache-control": "no-store",
      "content-security-policy": "default-src 'self'; style-src 'self'; img-src 'self' data:; frame-ancestors 'none'",
    },
  });
}

function describe({ protocol, remoteAddress, connection }: Context) {
  return { protocol, remoteAddress, stats: connection?.stats() ?? null };
}

const json = (value: unknown): Response =>
  new Response(JSON.stringify(value), {
    headers: { "content-type": "application/json", "cache-control": "no-store" },
  });

/** Allows one run at a time, because a run uses the whole machine; a second request gets a 409. */
function oneAtATime(): (start: () => Response) => Response {
  let running = false;
  return (start) => {
    if (running) return new Response("Already running; try again later\n", { status: 409 });
    running = true;
    const response = start();
    const ended = () => {
      running = false;
    };
    const [body, watched] = [response.body!, new TransformStream<Uint8Array, Uint8Array>()];
    body.pipeTo(watched.writable).then(ended, ended);
    return new Response(watched.readable, response);
  };
}
