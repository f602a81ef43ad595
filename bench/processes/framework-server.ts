/** One server for Node's (req, res) in its own process. Its parent sends it an order, and asks for its CPU time. */

import { readFileSync } from "node:fs";
import { createServer as createHttp, type IncomingMessage, type RequestListener, type ServerResponse } from "node:http";
import { createSecureServer as createHttp2 } from "node:http2";
import { createServer as createHttps } from "node:https";
import type { AddressInfo } from "node:net";
import cors from "cors";
import express from "express";
import { createServer } from "../../src/node/index.ts";
import type { FrameworkApp, FrameworkOrder, FrameworkServer, ServerReady } from "../messages.ts";

type Next = () => void;
type ExpressRequest = IncomingMessage & { params: { id: string }; query: object; body: unknown };
type ExpressResponse = ServerResponse & { json(value: unknown): void };

const user = (id: string) => ({ id, name: "A User", roles: ["reader", "writer"], active: true });

function plain(_request: IncomingMessage, response: ServerResponse): void {
  const text = JSON.stringify(user("7"));
  response.setHeader("content-type", "application/json; charset=utf-8");
  response.setHeader("content-length", Buffer.byteLength(text));
  response.end(text);
}

function expressApp(): RequestListener {
  const app = express();
  let requests = 0;
  app.use((_request: ExpressRequest, response: ExpressResponse, next: Next) => {
    response.setHeader("x-request-id", String(++requests));
    next();
  });
  app.use(cors());
  app.use(express.json());
  app.get("/users/:id", ({ params, query }: ExpressRequest, response: ExpressResponse) => {
    response.json({ ...user(params.id), query });
  });
  app.post("/echo", ({ body }: ExpressRequest, response: ExpressResponse) => response.json(body));
  return app;
}

const listenerOf = (app: FrameworkApp): RequestListener => (app === "plain" ? plain : expressApp());

interface Server {
  listen(port: number, host: string, listening: () => void): unknown;
  address(): unknown;
}

process.once("message", ({ certFile, keyFile, server: name, app }: FrameworkOrder) => {
  const tls = { cert: readFileSync(certFile), key: readFileSync(keyFile) };
  const listener = listenerOf(app);
  const servers: Record<FrameworkServer, () => Server> = {
    "node:http": () => createHttp(listener),
    "node:https": () => createHttps(tls, listener),
    "node:http2": () => createHttp2(tls, listener as never),
    "nagare/node h1": () => createServer(tls, listener),
    "nagare/node h2": () => createServer(tls, listener),
    "nagare/node h3": () => createServer(tls, listener),
  };
  const server = servers[name]();
  server.listen(0, "127.0.0.1", () => {
    process.send!({ port: (server.address() as AddressInfo).port } satisfies ServerReady);
  });
  process.on("message", () => {
    const { user: own, system } = process.cpuUsage();
    process.send!(own + system);
  });
});

// Calls process.exit instead of dying from the signal, so that a profiler writes its results.
process.once("SIGTERM", () => process.exit(0));
process.once("disconnect", () => process.exit(0));
