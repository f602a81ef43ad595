/** Middleware that reaches deep into `req` and `res` behaves on every version as it does on node:https. */
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { Agent, createServer as createHttpServer, type IncomingMessage, type ServerResponse } from "node:http";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Writable } from "node:stream";
import { gunzipSync } from "node:zlib";
import bodyParser from "body-parser";
import busboy from "busboy";
import compression from "compression";
import timeout from "connect-timeout";
import cookieSession from "cookie-session";
import cors from "cors";
import { Server as EngineServer } from "engine.io";
import express from "express";
import { rateLimit } from "express-rate-limit";
import session from "express-session";
import finalhandler from "finalhandler";
import formidable from "formidable";
import helmet from "helmet";
import { createProxyMiddleware } from "http-proxy-middleware";
import morgan from "morgan";
import multer from "multer";
import onFinished from "on-finished";
import onHeaders from "on-headers";
import passport from "passport";
import { pinoHttp } from "pino-http";
import rawBody from "raw-body";
import serveStatic from "serve-static";
import swagger from "swagger-ui-express";
import vhost from "vhost";
import { afterAll, test } from "vitest";
import { type Asking, type Row, sameOverAll } from "./table.ts";

// Import graphql so that both packages share one copy; the other entry point would load a second one.
const require = createRequire(import.meta.url);
const { buildSchema } = require("graphql");
const { createHandler } = require("graphql-http/lib/use/http");

const closers: (() => unknown)[] = [];
afterAll(() => {
  for (const close of closers.splice(0)) close();
});

type Next = (error?: unknown) => void;
type Middleware = (request: IncomingMessage, response: ServerResponse, next: Next) => unknown;
// biome-ignore lint/suspicious/noExplicitAny: Express has no types
type App = any;

/** An Express app with the given middleware, and the requests to send to it. */
const withApp = (build: (app: App) => void, run: (asking: Asking) => Promise<unknown>): Row => ({
  start(server) {
    const app = express();
    app.set("env", "test"); // errors are not printed
    build(app);
    server.on("request", app);
    return run;
  },
});

/** One middleware without a framework around it. */
const bare = (middleware: () => Middleware, run: (asking: Asking) => Promise<unknown>): Row => ({
  start(server) {
    const handle = middleware();
    server.on("request", (request: IncomingMessage, response: ServerResponse) =>
      handle(request, response, finalhandler(request, response, { env: "test" }) as Next),
    );
    return run;
  },
});

const form = (fields: Record<string, string>, file: string) => {
  const boundary = "------a-boundary";
  const parts = Object.entries(fields).map(
    ([name, value]) => `--${boundary}\r\ncontent-disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`,
  );
  const body = `${parts.join("")}--${boundary}\r\ncontent-disposition: form-data; name="file"; filename="a.txt"\r\ncontent-type: text/plain\r\n\r\n${file}\r\n--${boundary}--\r\n`;
  return { method: "POST", headers: { "content-type": `multipart/form-data; boundary=${boundary}` }, body };
};
const FORM = form({ name: "value" }, "x".repeat(100_000));
const JSON_TYPE = { "content-type": "application/json" };
const json = (value: unknown) => ({ method: "POST", headers: JSON_TYPE, body: JSON.stringify(value) });
const TEXT = "all work and no play makes a dull boy\n".repeat(3000);

const folder = mkdtempSync(join(tmpdir(), "nagare-static-"));
closers.push(() => rmSync(folder, { recursive: true, force: true }));
writeFileSync(join(folder, "a.txt"), "0123456789");
writeFileSync(join(folder, "index.html"), "<p>index");

const ROWS: Record<string, () => Row | Promise<Row>> = {
  compression: () =>
    withApp(
      (app) => {
        app.use(compression());
        app.get("/whole", (_request: never, response: App) => response.type("txt").send(TEXT));
        app.get("/parts", (_request: never, response: App) => {
          response.type("txt");
          response.write("first ");
          response.flush();
          setImmediate(() => response.end("second"));
        });
      },
      async ({ ask }) => {
        const answers: unknown[] = [];
        for (const path of ["/whole", "/parts"]) {
          const { status, headers, text } = await ask({ path, headers: { "accept-encoding": "gzip" } });
          answers.push(status, headers, gunzipSync(Buffer.from(text, "latin1")).toString());
        }
        return [...answers, await ask({ path: "/whole", method: "HEAD" }), await ask({ path: "/parts" })];
      },
    ),
  morgan: () => {
    const lines: string[] = [];
    return withApp(
      (app) => {
        lines.length = 0;
        const stream = { write: (line: string) => lines.push(line) };
        app.use(morgan(":remote-addr :method :url :status :res[content-length] :referrer", { stream }));
        app.post("/a", (_request: never, response: App) => response.status(201).send("made"));
      },
      async ({ ask }) => {
        await ask({ path: "/a", method: "POST", body: "x", headers: { referer: "there" } });
        await ask({ path: "/none" });
        return lines.map((line) => line.trim());
      },
    );
  },
  helmet: () =>
    withApp(
      (app) => app.use(helmet()).get("/", (_request: never, response: App) => response.send("safe")),
      ({ ask }) => ask({ path: "/" }),
    ),
  cors: () =>
    withApp(
      (app) =>
        app
          .use(cors({ origin: "https://there.test", credentials: true }))
          .get("/", (_request: never, response: App) => response.json({ ok: true })),
      async ({ ask }) => [
        await ask({ path: "/", headers: { origin: "https://there.test" } }),
        await ask({
          path: "/",
          method: "OPTIONS",
          headers: { origin: "https://there.test", "access-control-request-method": "PUT" },
        }),
      ],
    ),
  multer: () =>
    withApp(
      (app) => {
        app.post("/", multer().single("file"), (request: App, response: App) =>
          response.json({ body: request.body, size: request.file.size, name: request.file.originalname }),
        );
      },
      ({ ask }) => ask({ path: "/", ...FORM }),
    ),
  busboy: () =>
    bare(
      () => (request, response) => {
        const seen: unknown[] = [];
        const parser = busboy({ headers: request.headers });
        parser.on("field", (...given: unknown[]) => seen.push(given.slice(0, 2)));
        parser.on("file", (name: string, file: NodeJS.ReadableStream) => {
          let size = 0;
          file.on("data", (chunk: Buffer) => {
            size += chunk.length;
          });
          file.on("end", () => seen.push([name, size]));
        });
        parser.on("close", () => response.end(JSON.stringify(seen)));
        request.pipe(parser);
      },
      ({ ask }) => ask({ path: "/", ...FORM }),
    ),
  "body-parser": () =>
    withApp(
      (app) => {
        app.use(bodyParser.json({ limit: "50kb" }), bodyParser.urlencoded({ extended: true }), bodyParser.text());
        app.post("/", (request: App, response: App) => response.json(request.body ?? "nothing"));
        app.use((error: App, _request: never, response: App, _next: never) =>
          response.status(error.status).send(error.type),
        );
      },
      async ({ ask }) => [
        await ask({ path: "/", ...json({ a: [1, 2, "ü"] }) }),
        await ask({ path: "/", method: "POST", headers: { "content-type": "application/x-www-form-urlencoded" }, body: "a[b]=c&d=e" }), // biome-ignore format: one request
        await ask({ path: "/", method: "POST", headers: { "content-type": "text/plain" }, body: TEXT.slice(0, 5000) }),
        await ask({ path: "/", method: "POST", headers: JSON_TYPE, body: "{broken" }),
        await ask({ path: "/", method: "POST", headers: { "content-type": "application/octet-stream" }, body: "raw" }),
        await ask({ path: "/", ...json("x".repeat(60_000)) }),
      ],
    ),
  "cookie-session": () =>
    withApp(
      (app) => {
        app.use(cookieSession({ name: "s", keys: ["secret"], secure: false }));
        app.get("/", (request: App, response: App) => {
          request.session.count = (request.session.count ?? 0) + 1;
          response.send(String(request.session.count));
        });
      },
      async ({ ask }) => {
        const first = await ask({ path: "/" });
        const cookie = first.headers["set-cookie"]!.split("\n").map((each) => each.split(";")[0]).join("; "); // biome-ignore format: one chain
        return [first, await ask({ path: "/", headers: { cookie } })];
      },
    ),
  "express-session": () =>
    withApp(
      (app) => {
        app.set("trust proxy", 1);
        app.use(session({ secret: "s", resave: false, saveUninitialized: false, genid: () => "fixed" }));
        app.get("/", (request: App, response: App) => {
          request.session.count = (request.session.count ?? 0) + 1;
          response.send(`${request.session.count} ${request.sessionID}`);
        });
      },
      async ({ ask }) => {
        const first = await ask({ path: "/" });
        const cookie = first.headers["set-cookie"]!.split(";")[0]!;
        return [first, await ask({ path: "/", headers: { cookie } }), await ask({ path: "/", headers: { cookie } })];
      },
    ),
  passport: () =>
    withApp(
      (app) => {
        const keeper = new passport.Passport();
        keeper.use("token", {
          authenticate(this: App, request: IncomingMessage) {
            if (request.headers.authorization === "let me in") this.success({ id: 7 });
            else this.fail("Token", 401);
          },
        });
        app.use(keeper.initialize());
        app.get("/", keeper.authenticate("token", { session: false }), (request: App, response: App) =>
          response.json(request.user),
        );
      },
      async ({ ask }) => [await ask({ path: "/" }), await ask({ path: "/", headers: { authorization: "let me in" } })],
    ),
  "serve-static": () =>
    bare(
      () => serveStatic(folder),
      async ({ ask }) => {
        const whole = await ask({ path: "/a.txt" });
        return [
          whole,
          await ask({ path: "/" }),
          await ask({ path: "/a.txt", headers: { range: "bytes=2-4" } }),
          await ask({ path: "/a.txt", headers: { "if-none-match": whole.headers.etag! } }),
          await ask({ path: "/a.txt", method: "HEAD" }),
          await ask({ path: "/none" }),
          await ask({ path: "/%2e%2e/secret" }),
        ];
      },
    ),
  "http-proxy-middleware": async () => {
    const origin = createHttpServer((request, response) => {
      let size = 0;
      request.on("data", (chunk: Buffer) => {
        size += chunk.length;
      });
      request.on("end", () => {
        response.writeHead(203, "Partly", { "x-origin": "yes", "set-cookie": ["a=1", "b=2"] });
        response.write(`${request.method} ${request.url} ${size} `);
        response.end(String(request.headers["x-sent"]));
      });
    });
    origin.listen(0, "127.0.0.1");
    await once(origin, "listening");
    closers.push(() => origin.close().closeAllConnections());
    const target = `http://127.0.0.1:${(origin.address() as { port: number }).port}`;
    return withApp(
      (app) =>
        app.use("/api", createProxyMiddleware({ target, changeOrigin: true, agent: new Agent({ keepAlive: true }) })),
      async ({ ask }) => [
        await ask({ path: "/api/a?b=c", headers: { "x-sent": "along" } }),
        await ask({ path: "/api/upload", method: "PUT", body: "x".repeat(200_000) }),
        await ask({ path: "/elsewhere" }),
      ],
    );
  },
  "on-finished": () => {
    const seen: unknown[] = [];
    return bare(
      () => {
        seen.length = 0;
        return (request, response) => {
          seen.push(["before", onFinished.isFinished(request), onFinished.isFinished(response)]);
          onFinished(response, (error: unknown) => seen.push(["response", error, response.statusCode]));
          onFinished(request, (error: unknown) => seen.push(["request", error]));
          request.resume();
          response.end("done");
        };
      },
      async ({ ask }) => {
        const answer = await ask({ path: "/", method: "POST", body: "content" });
        while (seen.length < 3) await new Promise((resolve) => setImmediate(resolve));
        return [answer, seen.map((each) => JSON.stringify(each)).sort()];
      },
    );
  },
  "on-headers": () =>
    bare(
      () => (_request, response) => {
        onHeaders(response, function (this: ServerResponse) {
          this.setHeader("x-late", String(this.statusCode));
          if (this.statusCode === 200) this.statusCode = 202;
        });
        response.end("text");
      },
      ({ ask }) => ask({ path: "/" }),
    ),
  "raw-body": () =>
    bare(
      () => (request, response, next) => {
        rawBody(request, { length: request.headers["content-length"] ?? null, limit: "1mb", encoding: "utf8" }).then(
          (text) => response.end(`${text.length}`),
          next,
        );
      },
      async ({ ask }) => [
        await ask({ path: "/", method: "POST", body: TEXT }),
        (await ask({ path: "/", method: "POST", body: "x".repeat(1_500_000) })).status,
      ],
    ),
  finalhandler: () =>
    bare(
      () => (request, _response, next) => {
        if (request.url === "/throw")
          next(Object.assign(new Error("a fault"), { status: 503, headers: { "x-why": "no" } }));
        else next();
      },
      async ({ ask }) => [
        await ask({ path: "/missing", method: "POST", body: "content" }),
        (({ status, headers }) => [status, headers["x-why"], headers["content-type"]])(await ask({ path: "/throw" })),
      ],
    ),
  "connect-timeout": () =>
    withApp(
      (app) => {
        app.use(timeout("10ms"));
        app.get("/slow", () => undefined);
        app.get("/fast", (request: App, response: App) => {
          request.clearTimeout();
          response.send("fast");
        });
        app.use((error: App, _request: never, response: App, _next: never) =>
          response.status(error.status).send(error.code),
        );
      },
      async ({ ask }) => [await ask({ path: "/fast" }), await ask({ path: "/slow" })],
    ),
  "express-rate-limit": () =>
    withApp(
      (app) => {
        app.use(rateLimit({ windowMs: 3_600_000, limit: 2, standardHeaders: false, legacyHeaders: false }) as never);
        app.get("/", (request: App, response: App) => response.json(request.rateLimit.used));
      },
      async ({ ask }) => [await ask({ path: "/" }), await ask({ path: "/" }), (await ask({ path: "/" })).status],
    ),
  "swagger-ui-express": () =>
    withApp(
      (app) =>
        app.use("/docs", swagger.serve, swagger.setup({ openapi: "3.0.0", info: { title: "An API" }, paths: {} })),
      async ({ ask }) => [
        await ask({ path: "/docs/" }),
        (await ask({ path: "/docs/swagger-ui-bundle.js" })).text.length,
        (await ask({ path: "/docs" })).status,
      ],
    ),
  "graphql-http": () =>
    bare(
      () => {
        const schema = buildSchema("type Query { hello(name: String): String }");
        const rootValue = { hello: ({ name }: { name: string }) => `hello ${name}` };
        return createHandler({ schema, rootValue }) as Middleware;
      },
      async ({ ask }) => [
        await ask({ path: "/", ...json({ query: '{ hello(name: "you") }' }) }),
        await ask({ path: "/?query=%7Bhello(name:%22me%22)%7D" }),
        await ask({ path: "/", ...json({ query: "{ none }" }) }),
      ],
    ),
  "engine.io polling": () => ({
    start(server) {
      const engine = new EngineServer({ generateId: () => "an-id", pingInterval: 3_600_000 } as object);
      engine.generateId = (() => "an-id") as never;
      engine.attach(server);
      const seen: string[] = [];
      let client: App;
      engine.on("connection", (socket: App) => {
        client = socket;
        socket.on("message", (data: string) => socket.send(`you said ${data}`));
        socket.on("close", (why: string) => seen.push(why));
      });
      return async ({ ask }) => {
        const path = "/engine.io/?EIO=4&transport=polling";
        const opened = await ask({ path });
        const sid = (JSON.parse(opened.text.slice(1)) as { sid: string }).sid;
        const poll = ask({ path: `${path}&sid=${sid}` });
        // Over HTTP/1.1 the poll occupies the only connection: other requests wait until something is pushed.
        while (client === undefined) await new Promise((resolve) => setImmediate(resolve));
        client.send("pushed");
        const sent = ask({ path: `${path}&sid=${sid}`, method: "POST", body: "4hello" });
        const answers = [await poll, await sent, await ask({ path: `${path}&sid=${sid}` })];
        engine.close();
        return [opened.status, answers.map(({ status, text }) => [status, text]), seen.length];
      };
    },
  }),
  formidable: () =>
    bare(
      () => (request, response, next) => {
        formidable({ uploadDir: folder })
          .parse(request)
          .then(([fields, files]: App) => response.end(JSON.stringify([fields, files.file[0].size])), next);
      },
      ({ ask }) => ask({ path: "/", ...FORM }),
    ),
  "pino-http": () => {
    const lines: App[] = [];
    return bare(
      () => {
        lines.length = 0;
        const stream = new Writable({
          write: (chunk, _encoding, callback) => {
            lines.push(JSON.parse(String(chunk)));
            callback();
          },
        });
        const log = pinoHttp({}, stream);
        return (request, response) => {
          log(request, response);
          response.statusCode = 418;
          response.end("tea");
        };
      },
      async ({ ask }) => {
        const answer = await ask({ path: "/pot?a=b" });
        while (lines.length < 1) await new Promise((resolve) => setImmediate(resolve));
        const [{ req, res, msg, level }] = lines;
        return [answer, req.method, req.url, req.remoteAddress, res.statusCode, msg, level];
      },
    );
  },
  vhost: () =>
    withApp(
      (app) => {
        app.use(vhost("localhost", (request: App, response: App) => response.end(`on ${request.vhost.hostname}`)));
        app.use((_request: never, response: App) => response.send("elsewhere"));
      },
      ({ ask }) => ask({ path: "/" }),
    ),
};

test.each(Object.entries(ROWS))("%s", async (_name, row) => {
  await sameOverAll(await row());
});
