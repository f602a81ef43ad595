/** Express, Fastify and Koa give the same responses over HTTP/1.1, HTTP/2 and HTTP/3 as on node:https. */
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import express from "express";
import expressWs from "express-ws";
import Fastify from "fastify";
import Koa from "koa";
import { afterAll, expect, test } from "vitest";
import { WebSocket } from "ws";
import { VERSIONS } from "../../src/edge/testing/client.ts";
import { localhostIdentity } from "../../src/host/http/testing/identities.ts";
import { createServer } from "../../src/node/index.ts";
import { type Asking, type Row, sameOverAll } from "./table.ts";

// biome-ignore lint/suspicious/noExplicitAny: these packages have no types
type Any = any;

const folder = mkdtempSync(join(tmpdir(), "nagare-frameworks-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
writeFileSync(join(folder, "file.txt"), "0123456789".repeat(20_000));

const JSON_TYPE = { "content-type": "application/json" };
const ADDRESS = { "x-forwarded-for": "203.0.113.7" };

function expressApp(): Any {
  const app = express();
  app.set("env", "test");
  app.use(express.json());
  app.get("/facts", (request: Any, response: Any) => {
    const { protocol, secure, hostname, ip, path, query, params, fresh, xhr } = request;
    response.json({ protocol, secure, hostname, ip, path, query, params, fresh, xhr, url: request.originalUrl });
  });
  app.get("/users/:id", (request: Any, response: Any) => response.status(201).send(`user ${request.params.id}`));
  app.post("/json", (request: Any, response: Any) => response.json(request.body));
  app.get("/file", (_request: Any, response: Any) => response.sendFile("file.txt", { root: folder }));
  app.get("/download", (_request: Any, response: Any) => response.download(join(folder, "file.txt"), "grüße.txt"));
  app.get("/away", (_request: Any, response: Any) => response.cookie("a", "b", { httpOnly: true }).redirect("/file"));
  app.get("/throw", () => {
    throw Object.assign(new Error("a fault"), { status: 502, expose: true });
  });
  app.get("/reject", async () => {
    throw Object.assign(new Error("a rejection"), { status: 503 });
  });
  app.get("/stream", (_request: Any, response: Any) => Readable.from(["a", "b", "c"]).pipe(response));
  app.get("/empty", (_request: Any, response: Any) => response.sendStatus(204));
  app.use((error: Any, _request: Any, response: Any, _next: Any) =>
    response.status(error.status ?? 500).send(error.message),
  );
  return app;
}

const PATHS = [
  "/facts?a=1",
  "/users/7",
  "/file",
  "/download",
  "/away",
  "/throw",
  "/reject",
  "/stream",
  "/empty",
  "/none",
];

const askAll = async ({ ask }: Asking): Promise<unknown[]> => {
  const answers: unknown[] = [];
  for (const path of PATHS) answers.push(await ask({ path, headers: ADDRESS }));
  answers.push(await ask({ path: "/file", headers: { range: "bytes=5-9" } }));
  answers.push(await ask({ path: "/file", method: "HEAD" }));
  answers.push(await ask({ path: "/json", method: "POST", headers: JSON_TYPE, body: '{"a":[1,2]}' }));
  answers.push(await ask({ path: "/json", method: "POST", headers: JSON_TYPE, body: "{" }));
  return answers;
};

const ROWS: Record<string, Row> = {
  Express: {
    start(server) {
      server.on("request", expressApp());
      return askAll;
    },
  },
  "Fastify by its serverFactory": {
    async start(server) {
      const app = Fastify({
        bodyLimit: 50_000,
        serverFactory: (handler: Any) => server.on("request", handler),
      });
      app.get("/facts", ({ protocol, hostname, host, ip, query, url }) => ({
        protocol,
        hostname,
        host,
        ip,
        query,
        url,
      }));
      app.get("/users/:id", async (request, reply) => reply.code(201).send(`user ${(request.params as Any).id}`));
      app.post("/json", async (request) => request.body);
      app.get("/file", (_request, reply) => reply.type("text/plain").send(Readable.from(["x".repeat(100_000), "end"])));
      app.get("/away", (_request, reply) => reply.redirect("/file"));
      app.get("/throw", () => {
        throw Object.assign(new Error("a fault"), { statusCode: 502 });
      });
      app.get("/empty", (_request, reply) => reply.code(204).send());
      app.get("/trailers", (_request, reply) => {
        reply.trailer("x-sum", (_reply, _payload, done) => done(null, "7"));
        return reply.send("content");
      });
      app.get("/hijacked", (_request, reply) => {
        reply.hijack();
        reply.raw.end("raw");
      });
      await app.ready();
      return async (asking) => [
        ...(await askAll(asking)),
        await asking.ask({ path: "/trailers" }),
        await asking.ask({ path: "/hijacked" }),
        (await asking.ask({ path: "/json", method: "POST", headers: JSON_TYPE, body: `"${"x".repeat(60_000)}"` }))
          .status,
      ];
    },
  },
  "Koa by its callback": {
    start(server) {
      const app = new Koa();
      app.silent = true;
      app.use(async (context: Any, next: Any) => {
        await next();
        context.set("x-type", context.response.type);
      });
      app.use(async (context: Any) => {
        switch (context.path) {
          case "/facts": {
            const { protocol, secure, host, hostname, ip, query, fresh, idempotent } = context;
            context.body = {
              protocol,
              secure,
              host: host.replace(/\d+$/, "PORT"),
              hostname,
              ip,
              query,
              fresh,
              idempotent,
            };
            break;
          }
          case "/users/7":
            context.status = 201;
            context.body = "user 7";
            break;
          case "/json": {
            let text = "";
            for await (const chunk of context.req) text += chunk;
            context.body = { text };
            break;
          }
          case "/file":
            context.type = "text/plain";
            context.body = Readable.from(["x".repeat(100_000), "end"]);
            break;
          case "/away":
            context.cookies.set("a", "b");
            context.redirect("/file");
            break;
          case "/throw":
            context.throw(502, "a fault", { expose: true });
            break;
          case "/reject":
            throw new Error("a rejection");
          case "/empty":
            context.body = null;
            break;
          default:
            // From HTTP/2 on, which has no reason phrase, Koa's default text is the status code.
            context.status = 404;
            context.body = "nothing here";
        }
      });
      server.on("request", app.callback());
      return askAll;
    },
  },
};

test.each(Object.entries(ROWS))("%s", async (_name, row) => {
  await sameOverAll(row);
});

test("express-ws works on our server", async () => {
  const app = express();
  const server = createServer(localhostIdentity, app);
  expressWs(app, server as never);
  app.ws("/echo/:name", (socket: WebSocket, request: Any) => {
    socket.on("message", (data) => socket.send(`${request.params.name}: ${data}`));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const socket = new WebSocket(`wss://127.0.0.1:${server.address()!.port}/echo/you`, { rejectUnauthorized: false });
  await once(socket, "open");
  socket.send("hello");
  expect(String((await once(socket, "message"))[0])).toBe("you: hello");
  socket.close();
  await once(socket, "close");
  await new Promise<void>((resolve) => server.close(() => resolve()));
});

test("Fastify listens, responds and closes on its own", async () => {
  const app = Fastify({ serverFactory: (handler) => createServer(localhostIdentity, handler as never) as never });
  app.get("/", async (request) => ({ version: request.raw.httpVersion }));
  const url = new URL(await app.listen({ port: 0, host: "127.0.0.1" }));
  for (const [version, open] of VERSIONS) {
    const client = await open(new URL(`https://127.0.0.1:${url.port}`));
    const answer = await client.request({ path: "/" }).response;
    expect(JSON.parse(await answer.text())).toEqual({ version: { "http/1.1": "1.1", h2: "2.0", h3: "3.0" }[version] });
    client.close();
  }
  await app.close();
});
