/** Adapters that create or take a Node server give the same responses on nagare/node as on node:https. */
import "reflect-metadata";
import { createAdaptorServer } from "@hono/node-server";
import { StandardSchemaValidationPipe } from "@nestjs/common";
import { NestFactory } from "@nestjs/core";
import { ExpressAdapter } from "@nestjs/platform-express";
import { FastifyAdapter, type NestFastifyApplication } from "@nestjs/platform-fastify";
import { createYoga } from "graphql-yoga";
import { Hono } from "hono";
import { streamSSE } from "hono/streaming";
import { expect, test } from "vitest";
import { MessagesModule } from "../../examples/nest/messages.ts";
import { VERSIONS } from "../../src/edge/testing/client.ts";
import { get } from "../../src/edge/testing/test-client.ts";
import { localhostIdentity } from "../../src/host/http/testing/identities.ts";
import { createServer, type Server } from "../../src/node/index.ts";
import { type Asking, sameOverAll } from "./table.ts";

const JSON_TYPE = { "content-type": "application/json" };
const QUIET = { logger: false } as const;

/** Requests to the module of the Nest example. */
const askNest = async ({ ask }: Asking) => {
  const add = (content: unknown) =>
    ask({ method: "POST", path: "/messages", headers: JSON_TYPE, body: JSON.stringify(content) });
  const answers = [await add({ text: "one" }), await add({ text: "" }), await add("nonsense")];
  for (const path of ["/messages/0", "/messages/x", "/messages/99", "/other"]) answers.push(await ask({ path }));
  answers.push(
    await ask({ method: "HEAD", path: "/messages/0" }),
    await ask({ method: "DELETE", path: "/messages/0" }),
  );
  return answers;
};

test("Nest with the server of an ExpressAdapter", async () => {
  await sameOverAll({
    async start(server) {
      class Adapter extends ExpressAdapter {
        override initHttpServer(): void {
          server.on("request", this.getInstance());
          this.setHttpServer(server);
        }
      }
      const app = await NestFactory.create(MessagesModule, new Adapter(), QUIET);
      app.useGlobalPipes(new StandardSchemaValidationPipe());
      await app.init();
      return askNest;
    },
  });
});

test.each(VERSIONS)("Nest starts and closes the server of an ExpressAdapter over %s", async (_version, open) => {
  class Adapter extends ExpressAdapter {
    override initHttpServer(): void {
      this.setHttpServer(createServer(localhostIdentity, this.getInstance()) as never);
    }
  }
  const app = await NestFactory.create(MessagesModule, new Adapter(), QUIET);
  await app.listen(0, "127.0.0.1");
  const server: Server = app.getHttpServer();
  const client = await open(new URL(`https://127.0.0.1:${server.address()!.port}`));
  expect(await (await get(client, "/")).text()).toContain("hello from Nest");
  client.close();
  await app.close();
  expect(server.listening).toBe(false);
});

test("Nest with Fastify, through the serverFactory of its adapter", async () => {
  await sameOverAll({
    async start(server) {
      const serverFactory = (handler: unknown) => server.on("request", handler);
      const adapter = new FastifyAdapter({ serverFactory });
      const app = await NestFactory.create<NestFastifyApplication>(MessagesModule, adapter, QUIET);
      app.useGlobalPipes(new StandardSchemaValidationPipe());
      await app.init();
      await app.getHttpAdapter().getInstance().ready();
      return askNest;
    },
  });
});

test("Hono on @hono/node-server, with our createServer", async () => {
  await sameOverAll({
    start(server) {
      const app = new Hono();
      app.get("/", (c) => c.text(new URL(c.req.url).protocol + c.req.query("a")));
      app.post("/json", async (c) => c.json(await c.req.json(), 201, { "set-cookie": "a=b" }));
      app.post("/form", async (c) => c.json(await c.req.parseBody()));
      app.get("/stream", (c) =>
        streamSSE(c, async (stream) => {
          for (const data of ["1", "2", "3"]) await stream.writeSSE({ data });
        }),
      );
      app.get("/large", (c) => c.body("0123456789".repeat(50_000)));
      app.get("/empty", (c) => c.body(null, 204));
      app.get("/fail", () => {
        throw new Error("a fault");
      });
      app.onError((error, c) => c.text(error.message, 500));
      const createServer = (_options: unknown, listener: unknown) => server.on("request", listener);
      createAdaptorServer({ fetch: app.fetch, createServer } as never);
      return async ({ ask }) => {
        const form = { "content-type": "application/x-www-form-urlencoded" };
        const answers = [
          await ask({ method: "POST", path: "/json", headers: JSON_TYPE, body: '{"a":1}' }),
          await ask({ method: "POST", path: "/form", headers: form, body: "a=1&b=%20" }),
          await ask({ method: "HEAD", path: "/large" }),
        ];
        for (const path of ["/?a=b", "/stream", "/large", "/empty", "/fail", "/other"])
          answers.push(await ask({ path }));
        return answers;
      };
    },
  });
});

test("GraphQL Yoga: its page, CORS, and queries in GET and POST", async () => {
  await sameOverAll({
    start(server) {
      server.on("request", createYoga({ logging: false }));
      return async ({ ask }) => [
        await ask({ path: "/graphql?query=%7B__typename%7D" }),
        await ask({ path: "/graphql", headers: { accept: "text/html" } }),
        await ask({
          method: "OPTIONS",
          path: "/graphql",
          headers: { origin: "https://a.example", "access-control-request-method": "POST" },
        }),
        await ask({ method: "POST", path: "/graphql", headers: JSON_TYPE, body: '{"query":"{ __typename }"}' }),
        await ask({ method: "POST", path: "/graphql", headers: JSON_TYPE, body: "{" }),
        await ask({ method: "PUT", path: "/graphql" }),
      ];
    },
  });
});
