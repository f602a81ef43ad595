/** Applications for Node's (req, res) are rejected with one sentence; fetch handlers of any shape are accepted. */

import { createServer } from "node:http";
import "reflect-metadata";
import { NestFactory } from "@nestjs/core";
import { createYoga } from "graphql-yoga";
import { Hono } from "hono";
import { afterEach, describe, expect, test } from "vitest";
import { MessagesModule } from "../../examples/nest/messages.ts";
import type { Handler } from "../host/http/fetch-handler.ts";
import { localhostIdentity } from "../host/http/testing/identities.ts";
import { foreignApp } from "./foreign-app.ts";
import { serve } from "./serve.ts";
import { VERSIONS } from "./testing/client.ts";
import { get } from "./testing/test-client.ts";

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

const nothing = (): void => undefined;
const withMethods = <T extends object>(target: T, ...names: string[]): T =>
  Object.assign(target, Object.fromEntries(names.map((name) => [name, nothing])));
const listener = () => (_request: unknown, _response: unknown, _next: unknown) => undefined;

const APPS: [name: string, app: unknown][] = [
  ["an Express app", withMethods(listener(), "handle", "set", "engine", "listen", "use", "route", "param")],
  ["an Express router", withMethods(listener(), "handle", "use", "route", "param")],
  ["a Connect app", Object.assign(withMethods(listener(), "handle", "use", "listen"), { stack: [], route: "/" })],
  ["a Fastify instance", withMethods({}, "inject", "ready", "route", "listen", "register")],
  ["a Koa app", Object.assign(withMethods({}, "callback", "use", "listen"), { middleware: [] })],
  ["a Nest app", await NestFactory.create(MessagesModule, { logger: false })],
  ["a Next app", withMethods({}, "getRequestHandler", "getUpgradeHandler", "prepare", "close")],
  ["a server of node:http", createServer()],
];

describe.each(APPS)("%s", (name, app) => {
  test.each([
    ["alone", () => serve(app as Handler)],
    ["with options", () => serve({ port: 0 }, app as Handler)],
  ])("given to serve %s", async (_how, start) => {
    await expect(start()).rejects.toMatchObject({
      code: "OPTION_INVALID",
      message: expect.stringMatching(
        new RegExp(`^this is ${name} for .*from "nagare/node" and write .*createServer\\(`),
      ),
    });
  });
});

test.each([
  ["a function", () => new Response()],
  ["an object with fetch", { fetch: () => new Response() }],
  ["a Hono app", new Hono()],
  ["a GraphQL Yoga", createYoga({ logging: false })],
  ["options", { port: 1, onListen: nothing }],
  ["nothing", undefined],
])("%s is accepted", (_name, value) => {
  expect(foreignApp(value)).toBeUndefined();
});

describe.each(VERSIONS)("over %s", (_version, open) => {
  const start = async (handler: Handler | { fetch: Handler }, lines: string[] = []) => {
    const options = { port: 0, host: "127.0.0.1", ...localhostIdentity, log: (line: string) => lines.push(line) };
    const server = await serve(options, handler);
    closers.push(() => server.close({ timeout: 0 }));
    const client = await open(server.url);
    closers.push(() => client.close());
    return client;
  };

  test.each(["end", "writeHead", "setHeader"])(
    "a bare (req, res) function that calls res.%s gets a 500 and a log line",
    async (name) => {
      const lines: string[] = [];
      const bare = (_request: unknown, response: unknown) => {
        (response as Record<string, (...values: unknown[]) => void>)[name]!("x", "y");
      };
      const client = await start(bare as unknown as Handler, lines);
      expect((await get(client, "/")).status).toBe(500);
      expect(lines).toEqual([expect.stringContaining("nagare/node")]);
    },
  );

  test("a handler is called (request, context, context)", async () => {
    let seen: unknown[] = [];
    const client = await start({
      fetch: (...given) => {
        seen = given;
        given[2].waitUntil(Promise.resolve());
        given[2].passThroughOnException();
        return new Response("ok");
      },
    });
    expect(await (await get(client, "/")).text()).toBe("ok");
    expect(seen).toHaveLength(3);
    expect(seen[1]).toBe(seen[2]);
  });

  test("Hono's executionCtx works", async () => {
    const app = new Hono();
    let waited = false;
    app.get("/", (c) => {
      c.executionCtx.passThroughOnException();
      expect(c.executionCtx.props).toEqual({});
      c.executionCtx.waitUntil(
        Promise.resolve().then(() => {
          waited = true;
        }),
      );
      return c.text("hono");
    });
    const client = await start(app);
    expect(await (await get(client, "/")).text()).toBe("hono");
    expect(waited).toBe(true);
  });
});
