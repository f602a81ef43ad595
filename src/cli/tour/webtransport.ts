// WebTransport: our client, and a Chromium without any flag that concerns it, with our server; over HTTP/3, in a WebSocket, and our client over HTTP/2.
import { readFile } from "node:fs/promises";
import { WebTransport } from "../../client/webtransport/index.ts";
import { serve } from "../../edge/serve.ts";
import type { Server } from "../../edge/server.ts";
import { type DevelopmentIdentity, developmentIdentity } from "../../host/certificates/index.ts";
import type { AcceptedWebTransport } from "../../host/webtransport/web-transport-request.ts";
import { CHROMIUM } from "../find-program.ts";
import { Peer, peerPath } from "./peer.ts";
import type { Row, RowContext } from "./row.ts";

const STREAMS = 50;

/** What carries the session, as the row tells. */
type Carrier = "HTTP/3" | "HTTP/2" | "a WebSocket";
const CARRIERS = { h3: "HTTP/3", h2: "HTTP/2", websocket: "a WebSocket" } as const;

/** What a page does, and our client too: datagrams, and streams that come back. */
const EXERCISE = `async (session) => {
  await session.ready;
  const datagrams = session.datagrams.readable.getReader();
  const writer = session.datagrams.writable.getWriter();
  await writer.write(new Uint8Array([1, 2, 3]));
  const echoed = (await datagrams.read()).value.length;
  let bytes = 0;
  for (let n = 0; n < ${STREAMS}; n += 1) {
    const { readable, writable } = await session.createBidirectionalStream();
    const sender = writable.getWriter();
    void sender.write(new Uint8Array(1000)).then(() => sender.close());
    const reader = readable.getReader();
    for (let next = await reader.read(); !next.done; next = await reader.read()) bytes += next.value.length;
  }
  session.close({ closeCode: 7, reason: echoed + " " + bytes });
  await session.closed;
}`;

/** nagare/webtransport/browser, from dist/cli/tour. */
const SCRIPT = new URL("../../webtransport-browser.js", import.meta.url);

const page = ({ sha256 }: DevelopmentIdentity, carrier: Carrier): string => `<!doctype html><script type="module">
  ${carrier === "HTTP/3" ? "" : 'const { WebTransport } = await import("/webtransport.js");'}
  const hash = new Uint8Array([${[...sha256].join()}]);
  const options = { serverCertificateHashes: [{ algorithm: "sha-256", value: hash }] };
  await (${EXERCISE})(new WebTransport(location.origin + "/session", options));
</script>`;

async function echo(session: AcceptedWebTransport): Promise<void> {
  void session.datagrams.readable.pipeTo(session.datagrams.createWritable()).catch(() => undefined);
  for await (const { readable, writable } of session.incomingBidirectionalStreams) {
    void readable.pipeTo(writable).catch(() => undefined);
  }
}

async function listen(context: RowContext, carrier: Carrier, onClosed: (reason: string) => void) {
  const identity = await developmentIdentity({ directory: context.directory });
  const { cert, key } = identity;
  const protocols = carrier === "HTTP/3" ? {} : { protocols: ["h2", "http/1.1"] as const };
  const http2WebTransport = carrier === "HTTP/2";
  const options = { port: 0, host: "127.0.0.1", cert, key, log: () => {}, http2WebTransport, ...protocols };
  const server = await serve(options, async (request, { webtransport }) => {
    if (request.url.endsWith("/webtransport.js")) {
      return new Response(await readFile(SCRIPT), { headers: { "content-type": "text/javascript" } });
    }
    if (webtransport === undefined)
      return new Response(page(identity, carrier), { headers: { "content-type": "text/html" } });
    const session = webtransport.accept();
    void echo(session).catch(() => undefined);
    void session.closed.then(
      ({ closeCode, reason }) => onClosed(`${closeCode} ${reason} over ${CARRIERS[session.inspect().carrier]}`),
      (error: Error) => onClosed(error.message),
    );
    return session.response;
  });
  return { server, identity };
}

/** Runs a client against the server, and checks with which code and reason it closed the session. */
async function visit(
  context: RowContext,
  carrier: Carrier,
  run: (server: Server, identity: DevelopmentIdentity, closed: Promise<string>) => Promise<unknown>,
): Promise<string> {
  let onClosed!: (reason: string) => void;
  const closed = new Promise<string>((resolve, reject) => {
    onClosed = resolve;
    context.signal.addEventListener("abort", () => reject(context.signal.reason), { once: true });
  });
  const { server, identity } = await listen(context, carrier, onClosed);
  try {
    const [reason] = await Promise.all([closed, run(server, identity, closed)]);
    const expected = `7 3 ${STREAMS * 1000} over ${carrier}`;
    if (reason !== expected) throw new Error(`the session ended with ${reason}, not ${expected}`);
    return `a datagram and ${STREAMS} streams came back over ${carrier}, closed with code 7`;
  } finally {
    await server.close({ timeout: 0 });
  }
}

const ownClient = (context: RowContext, carrier: Carrier): Promise<string> =>
  visit(context, carrier, async ({ url }, { sha256 }) => {
    const session = new WebTransport(new URL("/session", url), {
      serverCertificateHashes: [{ algorithm: "sha-256", value: sha256 }],
      ...(carrier === "HTTP/2" ? { client: { http2Capsules: true, protocols: ["h2"] } } : {}),
    });
    const exercise = new Function(`return ${EXERCISE}`)() as (session: WebTransport) => Promise<void>;
    await exercise(session);
  });

async function chromium(context: RowContext, carrier: Carrier): Promise<string> {
  const path = await peerPath(context, ...CHROMIUM);
  return visit(context, carrier, async ({ url }, _identity, closed) => {
    const browser = new Peer(context, path, [
      "--headless=new",
      "--no-sandbox",
      // For the page itself; the session goes by the hash.
      "--ignore-certificate-errors",
      `--user-data-dir=${context.directory}/profile`,
      url.href,
    ]);
    // The browser stays open until it is stopped.
    await closed.finally(() => browser.stop());
  });
}

const row = (against: string, command: string, run: Row["run"], peer = against.toLowerCase()): Row => ({
  system: "webtransport",
  peer,
  against,
  command,
  run,
});

const OWN = "nagare tour --only webtransport";
const BROWSER = "chromium --headless=new URL";

export const WEBTRANSPORT_ROWS: readonly Row[] = [
  row("own client", OWN, (context) => ownClient(context, "HTTP/3")),
  row("own client, without UDP", OWN, (context) => ownClient(context, "a WebSocket"), "own client"),
  row("own client, over HTTP/2", OWN, (context) => ownClient(context, "HTTP/2"), "own client"),
  row("Chromium", BROWSER, (context) => chromium(context, "HTTP/3")),
  row("Chromium, without UDP", BROWSER, (context) => chromium(context, "a WebSocket"), "chromium"),
];
