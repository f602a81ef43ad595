/** Every option that takes a duration: invalid values are rejected, and Infinity and very long times work. */

import { afterEach, describe, expect, test } from "vitest";
import { type ClientOptions, createClient } from "../client/index.ts";
import { localhostIdentity } from "../host/http/testing/identities.ts";
import type { ProxyOptions } from "./proxy/options.ts";
import { createProxy } from "./proxy/service.ts";
import { serve } from "./serve.ts";
import type { Server } from "./server.ts";
import { deferred } from "./testing/async.ts";

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

const INVALID_TIMES = [Number.NaN, -1, "5s" as unknown as number];
const LONG_TIMES = [Number.POSITIVE_INFINITY, 2 ** 31, 1e12];

const CLIENT = ["connectTimeout", "headersTimeout", "bodyTimeout", "idleTimeout", "headStart"] as const;
const PROXY = ["connectTimeout", "headersTimeout", "bodyTimeout"] as const;

async function slowServer(): Promise<{ server: Server; began: Promise<void>; go: () => void }> {
  const [began, go] = [deferred<void>(), deferred<void>()];
  const server = await serve({ port: 0, host: "127.0.0.1", ...localhostIdentity }, async () => {
    began.resolve();
    await go.promise;
    return new Response("late");
  });
  closers.push(() => server.close({ timeout: 0 }));
  return { server, began: began.promise, go: () => go.resolve() };
}

/** Waits long enough for a timer of one millisecond to have run. */
const afterShortTimers = () => new Promise((resolve) => setTimeout(resolve, 20));

describe.each(INVALID_TIMES)("%s", (value) => {
  test.each(CLIENT)("is not a valid %s of a client", (option) => {
    const options: ClientOptions = { [option]: value };
    expect(() => createClient(options)).toThrow(expect.objectContaining({ code: "OPTION_INVALID" }));
    expect(() => createClient(options)).toThrow(new RegExp(`^${option} is `));
  });

  test.each(PROXY)("is not a valid %s of a proxy", async (option) => {
    const options: ProxyOptions = { [option]: value };
    await expect(createProxy(["http://127.0.0.1:1"], options)).rejects.toMatchObject({ code: "OPTION_INVALID" });
  });

  test("is not a valid timeout of close()", async () => {
    const { server } = await slowServer();
    await expect(server.close({ timeout: value })).rejects.toMatchObject({ code: "OPTION_INVALID" });
  });
});

describe.each(LONG_TIMES)("%s ms", (value) => {
  test.each(["http/1.1", "h2", "h3"] as const)("does not end a request over %s immediately", async (protocol) => {
    const { server, began, go } = await slowServer();
    const times = Object.fromEntries(CLIENT.map((option) => [option, value]));
    const client = createClient({ ...times, protocols: [protocol], rejectUnauthorized: false });
    closers.push(() => client.destroy());
    const answer = client.fetch(server.url).then((response) => response.text());
    await began;
    await afterShortTimers();
    go();
    expect(await answer).toBe("late");
    expect(await (await client.fetch(server.url)).text()).toBe("late");
  });

  test.each(["http/1.1", "h2", "h3"] as const)("of close() lets a request over %s finish", async (protocol) => {
    const { server, began, go } = await slowServer();
    const client = createClient({ protocols: [protocol], rejectUnauthorized: false });
    closers.push(() => client.destroy());
    const answer = client.fetch(server.url).then((response) => response.text());
    await began;
    const closed = server.close({ timeout: value });
    await afterShortTimers();
    go();
    expect(await answer).toBe("late");
    await client.close();
    await closed;
  });
});
