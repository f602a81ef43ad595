/** Requests that a closing server hands back, over every version of HTTP. */

import { afterEach, describe, expect, test } from "vitest";
import type { Handler } from "../../host/http/fetch-handler.ts";
import { localhostIdentity } from "../../host/http/testing/identities.ts";
import { serve } from "../serve.ts";
import type { Server } from "../server.ts";
import { deferred } from "../testing/async.ts";
import { VERSIONS } from "../testing/client.ts";
import type { HandBackOptions } from "./options.ts";

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function start(handler: Handler, options: Partial<HandBackOptions> = {}): Promise<Server> {
  const handBack = { trusted: ["127.0.0.0/8"], ...options };
  const server = await serve({ port: 0, host: "127.0.0.1", tls: localhostIdentity, handBack, log: () => {} }, handler);
  closers.push(() => server.close({ timeout: 0 }));
  return server;
}

describe.each(VERSIONS)("over %s", (version, open) => {
  /** Sends a part of a request, and closes the server once the handler has it. */
  async function cutOff(
    options: Partial<HandBackOptions>,
    before: (context: Parameters<Handler>[1]) => void = () => {},
  ) {
    const reading = deferred<void>();
    const ended = deferred<string>();
    const server = await start(async (request, context) => {
      before(context);
      try {
        let text = "";
        for await (const chunk of request.body!) {
          text += Buffer.from(chunk as Uint8Array).toString();
          if (text.length >= 5) reading.resolve();
        }
        ended.resolve(text);
        return new Response(`whole: ${text}`);
      } catch (error) {
        ended.resolve(`aborted: ${(error as Error).message}`);
        throw error;
      }
    }, options);
    const client = await open(server.url);
    closers.push(() => client.close());
    const request = client.request({ method: "POST", path: "/p?q", headers: { "x-a": "1" }, streaming: true });
    await request.send("01234");
    await reading.promise;
    const closed = server.close({ timeout: 10_000 });
    return { client, request, closed, ended: ended.promise };
  }

  test.each([
    ["in memory", 1_000],
    ["on disk", 2],
  ])("a closing server hands back what it has, kept %s, and what is still arriving", async (_where, memory) => {
    const { request, closed, ended } = await cutOff({ memory });
    const response = await request.response;
    expect(response.status).toBe(379);
    expect(response.headers).toMatchObject({ "echo-x-a": "1" });
    const target = Object.keys(response.headers).filter((name) => /^(?:pseudo-echo-|echo-host)/.test(name));
    expect(target.sort()).toEqual(
      version === "http/1.1"
        ? ["echo-host"]
        : ["authority", "method", "path", "scheme"].map((name) => `pseudo-echo-${name}`),
    );
    if (version !== "http/1.1") expect(response.headers["pseudo-echo-path"]).toBe("/p?q");
    await request.send("56789");
    request.finish();
    expect(await response.text()).toBe("0123456789");
    expect(await ended).toContain("handed the request back");
    await closed;
  });

  test("another status can be chosen; a handler that has committed itself, and a client that is not trusted, get no handback", async () => {
    const other = await cutOff({ status: 399 });
    expect((await other.request.response).status).toBe(399);
    other.request.finish();
    for (const [options, before] of [
      [{}, (context: Parameters<Handler>[1]) => context.commit()],
      [{ trusted: ["192.0.2.1"] }, () => {}],
    ] as const) {
      const { request, closed } = await cutOff(options, before);
      await request.send("56789");
      request.finish();
      const response = await request.response;
      expect([response.status, await response.text()]).toEqual([200, "whole: 0123456789"]);
      await closed;
    }
  });
});

test("options that cannot be used are named", async () => {
  await expect(start(() => new Response(), { status: 200 })).rejects.toThrow("handBack.status 200 is not a status");
  await expect(start(() => new Response(), { trusted: ["x"] })).rejects.toThrow(/x/);
});
