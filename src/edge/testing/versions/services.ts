/** The servers for the table: a handler, files, and a proxy in front of an origin. */

import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { loadIdentity } from "../../../host/certificates/identity.ts";
import type { Context } from "../../../host/http/fetch-context.ts";
import { createFetchHandler } from "../../../host/http/fetch-handler.ts";
import { fieldsFromRaw } from "../../../host/http/raw-fields.ts";
import { localhostIdentity } from "../../../host/http/testing/identities.ts";
import type { FieldLine } from "../../../http/index.ts";
import { FileService } from "../../files/service.ts";
import { createProxy } from "../../proxy/index.ts";
import { type Service, startServer } from "../../server.ts";
import { answerFor } from "./answers.ts";
import type { Row, Seen } from "./row.ts";

export type ServiceName = NonNullable<Row["service"]> | "handler" | "proxy";

export interface TableServer {
  readonly port: number;
  /** Returns and clears the last request as the service received it; undefined if it received none. */
  takeSeen(): Seen | undefined;
  close(): Promise<void>;
}

const latin1 = (text: string): Uint8Array<ArrayBuffer> => new Uint8Array(Buffer.from(text, "latin1"));

/** The handler reads the whole body first. */
async function respond(request: Request, context: Context, seen: (seen: Partial<Seen>) => void): Promise<Response> {
  const url = new URL(request.url);
  const hasBody = request.body !== null;
  const body = Buffer.from(await request.arrayBuffer()).toString("latin1");
  const trailers: FieldLine[] = hasBody ? [...(await context.trailers)] : [];
  seen({ path: request.url.slice(url.origin.length), body, trailers });
  const { status, fields, chunks, trailers: last, informational = [] } = answerFor(url.pathname, body);
  for (const [interim, lines] of informational) context.inform(interim, lines as [string, string][]);
  if (last !== undefined) context.addTrailers(last as [string, string][]);
  const headers = fields as [string, string][];
  if (chunks === undefined) return new Response(null, { status, headers });
  if (chunks.length === 1 && chunks[0] !== null) return new Response(latin1(chunks[0]!), { status, headers });
  const left = [...chunks];
  const content = new ReadableStream({
    pull(controller) {
      const chunk = left.shift();
      if (chunk === undefined) controller.close();
      else if (chunk === null) controller.error(new Error("aborted"));
      else controller.enqueue(latin1(chunk));
    },
  });
  return new Response(content, { status, headers });
}

class Record {
  #seen: Partial<Seen> | undefined;

  readonly add = (seen: Partial<Seen>): void => {
    this.#seen = { ...this.#seen, ...seen };
  };

  readonly take = (): Seen | undefined => {
    const seen = this.#seen as Seen | undefined;
    this.#seen = undefined;
    return seen;
  };
}

async function start(
  service: Service,
  record: Record,
  closed: () => Promise<void> = async () => {},
): Promise<TableServer> {
  const options = { port: 0, host: "127.0.0.1", identities: [loadIdentity(localhostIdentity)] as const, log: () => {} };
  const server = await startServer({ ...options, identities: [...options.identities] }, service);
  const close = async (): Promise<void> => {
    await server.close({ timeout: 0 });
    await closed();
  };
  return { port: server.port, takeSeen: record.take, close };
}

function startHandler(): Promise<TableServer> {
  const record = new Record();
  const handler = createFetchHandler((request, context) => respond(request, context, record.add), { log: () => {} });
  const service: Service = {
    ...handler,
    handle: (exchange) => {
      const { method, authority, fields } = exchange;
      record.add({ method, authority, fields, path: "", body: "", trailers: [] });
      handler.handle(exchange);
    },
  };
  return start(service, record);
}

/** Fields about the proxy and its client, and connection-specific fields. */
const PROXY_FIELDS = /^(via|forwarded|x-forwarded-.*|x-real-ip|connection|keep-alive|host|transfer-encoding)$/;

async function answerAsOrigin(
  request: IncomingMessage,
  response: ServerResponse,
  seen: (seen: Seen) => void,
): Promise<void> {
  let body = "";
  for await (const chunk of request) body += (chunk as Buffer).toString("latin1");
  seen({
    method: request.method!,
    path: request.url!,
    authority: request.headers.host!,
    fields: fieldsFromRaw(request.rawHeaders).filter(([name]) => !PROXY_FIELDS.test(name)),
    body,
    trailers: fieldsFromRaw(request.rawTrailers),
  });
  const { status, fields, chunks, trailers, informational = [] } = answerFor(request.url!, body);
  for (const [, lines] of informational) response.writeEarlyHints(Object.fromEntries(lines));
  const isWhole = chunks === undefined || (chunks.length === 1 && chunks[0] !== null);
  const length = isWhole ? ["content-length", String(chunks?.[0]?.length ?? 0)] : [];
  // Node throws on this field if the response is not chunked.
  const sent = request.method === "HEAD" ? fields.filter(([name]) => name !== "trailer") : fields;
  response.writeHead(status, [...sent.flat(), ...(status === 204 || status === 304 ? [] : length)]);
  for (const chunk of chunks ?? []) {
    if (chunk === null) {
      // The head is sent first, so that the response is aborted after it.
      response.flushHeaders();
      setImmediate(() => response.destroy());
      return;
    }
    response.write(latin1(chunk));
  }
  if (trailers !== undefined) response.addTrailers(trailers as [string, string][]);
  response.end();
  // The content is shorter than its length, and Node would keep the connection open.
  if (request.url === "/too-short") response.once("finish", () => request.socket.destroySoon());
}

async function startProxy(): Promise<TableServer> {
  const record = new Record();
  const origin = createServer({ maxHeaderSize: 1 << 18 }, (request, response) => {
    answerAsOrigin(request, response, record.add).catch(() => response.destroy());
  });
  origin.maxHeadersCount = 0;
  origin.on("checkContinue", (request, response) => {
    response.writeContinue();
    origin.emit("request", request, response);
  });
  origin.on("checkExpectation", (request, response) => origin.emit("request", request, response));
  origin.listen(0, "127.0.0.1");
  await once(origin, "listening");
  const { port } = origin.address() as AddressInfo;
  const proxy = await createProxy([`http://127.0.0.1:${port}`], { log: () => {} });
  return start(proxy, record, async () => {
    origin.close();
    origin.closeAllConnections();
  });
}

/** Long enough to be worth a precompressed copy, and old enough for a strong tag. */
export const PAGE = "<!doctype html><title>page</title>".padEnd(400, ".");
export const MODIFIED = new Date("2024-05-06T07:08:09Z");

async function startFiles(options: { spa?: boolean; listing?: boolean }): Promise<TableServer> {
  const folder = mkdtempSync(join(tmpdir(), "nagare-versions-"));
  const files = {
    "index.html": PAGE,
    "page.html": PAGE,
    "data.txt": "0123456789",
    "empty.txt": "",
    "a b.txt": "space",
  };
  mkdirSync(join(folder, "folder"));
  mkdirSync(join(folder, "bare"));
  const write = (name: string, content: string | Uint8Array): void => {
    writeFileSync(join(folder, name), content);
    utimesSync(join(folder, name), MODIFIED, MODIFIED);
  };
  for (const [name, content] of Object.entries(files)) write(name, content);
  write("page.html.gz", gzipSync(PAGE));
  write("folder/index.html", PAGE);
  write("bare/one.txt", "1");
  write(".hidden", "secret");
  const service = new FileService(folder, { ...options, log: () => {} });
  return start(service, new Record(), async () => rmSync(folder, { recursive: true }));
}

export const START: Readonly<{ [name in ServiceName]: () => Promise<TableServer> }> = {
  handler: startHandler,
  proxy: startProxy,
  files: () => startFiles({}),
  application: () => startFiles({ spa: true }),
  listing: () => startFiles({ listing: true }),
};
