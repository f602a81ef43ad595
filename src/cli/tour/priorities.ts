// Priorities (RFC 9218): what Chromium asks for while it loads a page, and in which order our server then sends.
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { createClient } from "../../client/index.ts";
import { chromiumFlags } from "../../edge/chromium.ts";
import { serve } from "../../edge/serve.ts";
import { developmentIdentity } from "../../host/certificates/index.ts";
import { emitPriority, type Priority, withoutDefaults } from "../../http/priority/index.ts";
import { CHROMIUM } from "../find-program.ts";
import { Peer, peerPath } from "./peer.ts";
import type { Row, RowContext } from "./row.ts";

/** Chromium requests so many at once; others would wait for the style. */
const PICTURES = Array.from({ length: 5 }, (_, index) => `/${index + 1}.jpg`);
const STYLE = "/style.css";
const RESOURCES = [STYLE, ...PICTURES];
const PAGE = `<!doctype html><title>tour</title><link rel="icon" href="data:,"><link rel="stylesheet" href="${STYLE}">
${PICTURES.map((path) => `<img src="${path}" width="200" height="100">`).join("")}
<script>addEventListener("load", () => fetch("/done"))</script>`;
const SIZE = 400_000;
/** Bytes of a first packet, which goes ahead with the head of a response. */
const FIRST_PACKET = 1_500;

/** Resolves when all of a few requests have arrived, so that their responses compete. */
function barrier(count: number): () => Promise<void> {
  let open!: () => void;
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  let missing = count;
  return () => {
    missing -= 1;
    if (missing === 0) open();
    return opened;
  };
}

interface Recorded {
  /** Paths by stream. */
  readonly paths: ReadonlyMap<number, string>;
  /** PRIORITY_UPDATE frames: the path and the value. */
  readonly updates: readonly string[];
  /** Each STREAM frame of a response, in the order sent. */
  readonly sent: readonly { readonly path: string; readonly end: number }[];
}

/** The recording of the connection that carried the page. */
async function recordedIn(folder: string): Promise<Recorded> {
  for (const name of await readdir(folder)) {
    const events = (await readFile(join(folder, name), "utf8"))
      .split("\u001e")
      .slice(2)
      .map((text) => JSON.parse(text));
    const paths = new Map<number, string>();
    for (const { name: event, data } of events) {
      if (event !== "http3:frame_parsed" || data.frame.frame_type !== "headers") continue;
      const path = data.frame.headers.find((line: { name: string }) => line.name === ":path")?.value;
      if (path !== undefined) paths.set(data.stream_id, path);
    }
    if (![...paths.values()].includes(STYLE)) continue;
    const updates = events.flatMap(({ name: event, data }) =>
      event === "http3:frame_parsed" && data.frame.frame_type === "priority_update"
        ? [`${paths.get(data.frame.stream_id)} ${data.frame.priority_field_value}`]
        : [],
    );
    const sent = events.flatMap(({ name: event, data }) =>
      event !== "quic:packet_sent"
        ? []
        : data.frames.flatMap((frame: StreamFrame) =>
            frame.frame_type === "stream" && paths.has(frame.stream_id)
              ? [{ path: paths.get(frame.stream_id)!, end: frame.offset + (frame.raw?.payload_length ?? 0) }]
              : [],
          ),
    );
    return { paths, updates, sent };
  }
  throw new Error("no recording of the page's connection");
}

interface StreamFrame {
  readonly frame_type: string;
  readonly stream_id: number;
  readonly offset: number;
  readonly raw?: { readonly payload_length?: number };
}

async function browse(context: RowContext): Promise<string> {
  const chromium = await peerPath(context, ...CHROMIUM);
  const identity = await developmentIdentity({ directory: context.directory });
  const recordings = join(context.directory, "recordings");
  const asked = new Map<string, Priority>();
  const allArrived = barrier(RESOURCES.length);
  let done!: () => void;
  const loaded = new Promise<void>((resolve, reject) => {
    done = resolve;
    context.signal.addEventListener("abort", () => reject(context.signal.reason), { once: true });
  });
  const { cert, key } = identity;
  const options = { port: 0, host: "127.0.0.1", cert, key, log: () => {}, qlog: recordings };
  const server = await serve(options, async (request, own) => {
    const { pathname } = new URL(request.url);
    if (pathname === "/done") {
      done();
      return new Response();
    }
    if (!RESOURCES.includes(pathname)) return new Response(PAGE, { headers: { "content-type": "text/html" } });
    asked.set(pathname, own.priority);
    await allArrived();
    // The style comes after the pictures.
    if (pathname === STYLE) await new Promise((resolve) => setImmediate(resolve));
    if (pathname === STYLE) return new Response(" ".repeat(SIZE), { headers: { "content-type": "text/css" } });
    return new Response(new Uint8Array(SIZE), { headers: { "content-type": "image/jpeg" } });
  });
  try {
    const browser = new Peer(context, chromium, [
      "--headless=new",
      "--no-sandbox",
      `--user-data-dir=${context.directory}/profile`,
      ...chromiumFlags(server.url, identity),
      server.url.href,
    ]);
    await loaded.finally(() => browser.stop());
  } finally {
    await server.close({ timeout: 0 });
  }
  const { updates, sent } = await recordedIn(recordings);
  const isStyle = ({ path }: { readonly path: string }): boolean => path === STYLE;
  const meanwhile = sent.slice(sent.findIndex(isStyle), sent.findLastIndex(isStyle));
  const overtaking = meanwhile.find(({ path, end }) => PICTURES.includes(path) && end > FIRST_PACKET);
  const told = RESOURCES.map((path) => `${path} ${emitPriority(withoutDefaults(asked.get(path)!))}`).join("; ");
  if (overtaking !== undefined) {
    throw new Error(`content of ${overtaking.path} left between that of ${STYLE} (asked: ${told})`);
  }
  const frames = `PRIORITY_UPDATE ${updates.length} times, such as ${updates[0] ?? "none"}`;
  return `it asked for ${told}; ${frames}; the style left in a run of ${meanwhile.length} frames, though the pictures had begun`;
}

/** Three responses at once, whose order of arrival is that of their urgency. */
async function compete(context: RowContext, protocol: "h2" | "h3"): Promise<string> {
  const { cert, key } = await developmentIdentity({ directory: context.directory });
  const urgencies = [7, 0, 3];
  const allArrived = barrier(urgencies.length);
  const server = await serve({ port: 0, host: "127.0.0.1", cert, key, log: () => {} }, async () => {
    await allArrived();
    return new Response(new Uint8Array(4 * SIZE));
  });
  try {
    await using client = createClient({ protocols: [protocol], ca: cert, resolve: () => ["127.0.0.1"] });
    const arrived: number[] = [];
    const fetched = urgencies.map(async (urgency) => {
      const response = await client.fetch(`https://localhost:${server.port}/`, {
        priority: { urgency },
        signal: context.signal,
      });
      await response.arrayBuffer();
      arrived.push(urgency);
    });
    await Promise.all(fetched);
    const order = arrived.join(", ");
    // The first one may have been alone for a moment, but ends last.
    if (order !== "0, 3, 7") throw new Error(`over ${protocol}, urgencies 7, 0, 3 ended as ${order}`);
    return `over ${protocol} u=7, u=0, u=3 ended as ${order}`;
  } finally {
    await server.close({ timeout: 0 });
  }
}

export const PRIORITY_ROWS: readonly Row[] = [
  {
    system: "priorities",
    peer: "own client",
    against: "own client",
    command: 'nagare get -k --http3-only --priority "u=0" https://localhost:4433/',
    run: async (context) => [await compete(context, "h3"), await compete(context, "h2")].join("; "),
  },
  {
    system: "priorities",
    peer: "chromium",
    against: "Chromium",
    command: "nagare serve --qlog recordings; chromium --headless=new --origin-to-force-quic-on=localhost:4433 URL",
    run: browse,
  },
];
