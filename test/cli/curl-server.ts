// The servers for curl.test.ts: HTTP/1.1 and HTTP/2 over TLS with regular responses, and handwritten HTTP/1.1, including faulty responses.
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Http2ServerRequest, Http2ServerResponse } from "node:http2";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { gzipSync } from "node:zlib";
import { serve } from "../../src/edge/serve.ts";
import type { Server as OwnServer } from "../../src/edge/server.ts";
import { serveHttp2, type TestServer, testCertificate } from "../../src/host/client/testing/servers.ts";

type Request = IncomingMessage | Http2ServerRequest;
type Answer = ServerResponse & Http2ServerResponse;

const FILE = Buffer.from(Array.from({ length: 1000 }, (_, index) => index % 251));
const SHOWN = ["accept", "authorization", "content-type", "cookie", "range", "referer", "accept-encoding"];

/** Within the 400 days that browsers keep cookies at most; curl's limit is another. */
const LATE = new Date(Math.ceil(Date.now() / 86_400_000 + 30) * 86_400_000).toUTCString();

/** HTTP/2 and HTTP/1.1 on one port. `attempts` counts requests for /flaky. */
export function serveAnswers(): Promise<TestServer> {
  let attempts = 0;
  return serveHttp2(
    (request, response) => void answer(request as Request, response as unknown as Answer, () => attempts++ % 2),
    { allowHTTP1: true },
  );
}

async function answer(request: Request, response: Answer, flaky: () => number): Promise<void> {
  response.sendDate = false;
  const url = new URL(request.url ?? "/", "https://localhost");
  const [, first, second] = url.pathname.split("/");
  const body = await bodyOf(request);
  switch (first) {
    case "status":
      response.writeHead(Number(second), { "x-status": second });
      response.end(Number(second) === 204 || Number(second) === 304 ? undefined : `this is ${second}\n`);
      break;
    case "redirect":
      response.writeHead(Number(second), { location: url.searchParams.get("to") ?? "/echo" });
      response.end("moved\n");
      break;
    case "loop":
      response.writeHead(302, { location: "/loop" }).end();
      break;
    case "cookie":
      response.writeHead(302, { location: "/echo", "set-cookie": "set=by-server; Path=/" }).end();
      break;
    case "cookies":
      response.setHeader("set-cookie", [
        "plain=1",
        "wide=2; Path=/; Secure; HttpOnly",
        "gone=3; Max-Age=0",
        `late=4; Expires=${LATE}; Path=/sub`,
        "foreign=5; Domain=example.com",
      ]);
      response.end("set\n");
      break;
    case "disposition":
      response.writeHead(200, { "content-disposition": `attachment; filename="${decodeURIComponent(second ?? "")}"` });
      response.end("named by the server\n");
      break;
    case "gzip":
      response.writeHead(200, { "content-encoding": "gzip" }).end(gzipSync("unpacked"));
      break;
    case "damaged":
      response.writeHead(200, { "content-encoding": "gzip" }).end("this is not gzip");
      break;
    case "empty":
      response.writeHead(200, { "content-length": "0" }).end();
      break;
    case "early":
      response.writeEarlyHints({ link: "</style.css>; rel=preload" });
      response.writeHead(200, { "content-type": "text/plain" }).end("late");
      break;
    case "trailers":
      response.writeHead(200, { trailer: "x-sum" });
      response.write("body\n");
      response.addTrailers({ "x-sum": "42" });
      response.end();
      break;
    case "flaky":
      if (flaky() === 0) response.writeHead(503).end("not yet\n");
      else response.writeHead(200).end("now\n");
      break;
    case "never":
      break;
    case "file":
      file(request, response);
      break;
    default:
      response.end(describe(request, body));
  }
}

function file(request: Request, response: Answer): void {
  const [, from, to] = /^bytes=(\d+)-(\d*)$/.exec(String(request.headers.range ?? "")) ?? [];
  if (from === undefined) response.writeHead(200, { "content-length": FILE.length }).end(FILE);
  else if (Number(from) >= FILE.length) response.writeHead(416, { "content-range": `bytes */${FILE.length}` }).end();
  else {
    const part = FILE.subarray(Number(from), to === "" ? undefined : Number(to) + 1);
    const range = `bytes ${from}-${Number(from) + part.length - 1}/${FILE.length}`;
    response.writeHead(206, { "content-range": range, "content-length": part.length }).end(part);
  }
}

/** The request as text, except for what differs between clients: the name and the boundary. */
function describe(request: Pick<IncomingMessage, "method" | "url" | "headers">, body: string): string {
  const boundary = /boundary=(\S+)/.exec(request.headers["content-type"] ?? "")?.[1];
  const lines = [`${request.method} ${request.url}`];
  for (const name of SHOWN) if (request.headers[name] !== undefined) lines.push(`${name}: ${request.headers[name]}`);
  for (const name of Object.keys(request.headers)
    .filter((each) => each.startsWith("x-"))
    .sort()) {
    lines.push(`${name}: ${request.headers[name]}`);
  }
  const agent = request.headers["user-agent"];
  lines.push(`agent: ${agent === undefined ? "none" : /^(curl|nagare)\//.test(agent) ? "its own" : agent}`, "", body);
  const text = lines.join("\n");
  return boundary === undefined ? text : text.replaceAll(boundary, "BOUNDARY");
}

async function bodyOf(request: Request): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString("latin1");
}

/** The same paths on our own server, which speaks HTTP/3 too. */
export function serveFetch(): Promise<OwnServer> {
  let attempts = 0;
  const { issued } = testCertificate();
  return serve({ port: 0, host: "127.0.0.1", ...issued, log: () => {} }, async (request) => {
    const url = new URL(request.url);
    const [, first, second] = url.pathname.split("/");
    const status = Number(second);
    const body = Buffer.from(await request.arrayBuffer()).toString("latin1");
    if (first === "status") return new Response(`this is ${second}\n`, { status });
    if (first === "redirect") return new Response("moved\n", { status, headers: { location: "/echo" } });
    if (first === "loop") return new Response(null, { status: 302, headers: { location: "/loop" } });
    if (first === "gzip") return new Response(gzipSync("unpacked"), { headers: { "content-encoding": "gzip" } });
    if (first === "damaged") return new Response("this is not gzip", { headers: { "content-encoding": "gzip" } });
    if (first === "flaky") return attempts++ % 2 === 0 ? new Response("no\n", { status: 503 }) : new Response("now\n");
    if (first === "never") return new Promise<Response>(() => {});
    if (first === "file") return part(request.headers.get("range"));
    const headers = Object.fromEntries(request.headers);
    return new Response(
      Buffer.from(describe({ method: request.method, url: url.pathname + url.search, headers }, body)),
    );
  });
}

function part(range: string | null): Response {
  const [, from, to] = /^bytes=(\d+)-(\d*)$/.exec(range ?? "") ?? [];
  if (from === undefined) return new Response(FILE);
  const content = FILE.subarray(Number(from), to === "" ? undefined : Number(to) + 1);
  const field = `bytes ${from}-${Number(from) + content.length - 1}/${FILE.length}`;
  return new Response(content, { status: 206, headers: { "content-range": field } });
}

/** The exact bytes of the response for each path. The connection is then closed. */
const RAW: Readonly<Record<string, string>> = {
  "/empty": "",
  "/not-http": "hello world",
  "/bad-field": "HTTP/1.1 200 OK\r\nfoo bar baz\r\n\r\nabc",
  "/short": "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc",
  "/cut": "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
  "/bad-chunk": "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nzz\r\n",
  "/bad-location": "HTTP/1.1 302 Found\r\nLocation: http://[x\r\nContent-Length: 5\r\n\r\nmoved",
  "/gopher": "HTTP/1.1 302 Found\r\nLocation: gopher://x/\r\nContent-Length: 5\r\n\r\nmoved",
  "/case": "HTTP/1.1 200 Fine\r\nX-Second: 2\r\nContent-Length: 3\r\na-FIRST: 1\r\n\r\nabc",
  "/interim": "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc",
  "/trailer": "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-T\r\n\r\n3\r\nabc\r\n0\r\nX-T: yes\r\n\r\n",
  "/until-close": "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nto the end",
};

export interface RawServer {
  readonly port: number;
  close(): Promise<void>;
}

/** HTTP/1.1 without TLS. Requests for unknown paths never get a response. */
export function serveRaw(): Promise<RawServer> {
  return listen((socket) => {
    socket.on("error", () => {});
    socket.once("data", (head) => {
      // A TLS ClientHello is answered as a server without TLS would.
      if (head[0] === 0x16) return void socket.end("HTTP/1.1 400 Bad Request\r\n\r\n");
      const answer = RAW[head.toString("latin1").split(" ")[1] ?? ""];
      if (answer !== undefined) socket.end(answer, "latin1");
    });
  });
}

/** Accepts connections, and never sends anything. */
export const serveSilence = (): Promise<RawServer> => listen((socket) => void socket.on("error", () => {}));

function listen(onConnection: (socket: Socket) => void): Promise<RawServer> {
  const sockets = new Set<Socket>();
  const server: Server = createServer((socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
    onConnection(socket);
  });
  return new Promise((resolve) => {
    server.listen(0, "127.0.0.1", () =>
      resolve({
        port: (server.address() as AddressInfo).port,
        close: () =>
          new Promise((closed) => {
            server.close(() => closed());
            for (const socket of sockets) socket.destroy();
          }),
      }),
    );
  });
}
