import { once } from "node:events";
import { createServer, type TLSSocket } from "node:tls";
import * as undici from "undici";
import { beforeEach, describe, expect, test } from "vitest";
import { localhostIdentity } from "../host/http/testing/identities.ts";
import { onEnd, openAgent, openWorld, PROTOCOLS, type World } from "./testing/world.ts";

const { interceptors, request } = undici;

let world: World;
beforeEach(async () => {
  world = await openWorld();
});

describe.each(PROTOCOLS)("over %s", (protocol) => {
  const open = () => openAgent({ protocols: [protocol] });

  test("the interceptor cache answers without a request", async () => {
    const dispatcher = open().compose(interceptors.cache()) as never;
    for (let i = 0; i < 3; i++) {
      expect(await (await request(`${world.url}/cached`, { dispatcher })).body.text()).toBe("kept");
    }
    expect(world.seen).toHaveLength(1);
  });

  test("the interceptor retry repeats GET, and POST only if told to", async () => {
    const quick = { minTimeout: 1, maxTimeout: 1 };
    const retrying = open().compose(interceptors.retry(quick)) as never;
    const get = await request(`${world.url}/flaky?get`, { dispatcher: retrying });
    expect(await get.body.text()).toBe("attempt 3");
    const post = request(`${world.url}/flaky?post`, { dispatcher: retrying, method: "POST", body: "x" });
    await expect(post).rejects.toMatchObject({ code: "UND_ERR_REQ_RETRY", statusCode: 503 });
    expect(world.seen.filter(({ path }) => path === "/flaky?post")).toHaveLength(1);
    const told = open().compose(interceptors.retry({ ...quick, methods: ["POST"] })) as never;
    const again = await request(`${world.url}/flaky?told`, { dispatcher: told, method: "POST", body: "x" });
    expect(await again.body.text()).toBe("attempt 3");
  });

  test("events: connect once for each connection, then disconnect", async () => {
    const dispatcher = open();
    const events: string[] = [];
    for (const name of ["connect", "disconnect", "connectionError"]) {
      dispatcher.on(name as "connect", (url) => events.push(`${name} ${url.origin}`));
    }
    for (let i = 0; i < 2; i++) await (await request(`${world.url}/echo`, { dispatcher })).body.text();
    expect(events).toEqual([`connect ${world.url}`]);
    const disconnected = once(dispatcher, "disconnect");
    await dispatcher.close();
    await disconnected;
    expect(events).toEqual([`connect ${world.url}`, `disconnect ${world.url}`]);
  });

  test("dispatch returns false with many requests waiting, and drain says when there is room", async () => {
    const dispatcher = open();
    const drained = once(dispatcher, "drain");
    const handler = { onRequestStart() {}, onResponseStart() {}, onResponseEnd() {}, onResponseError() {} };
    const options = { origin: world.url, path: "/echo", method: "GET" } as const;
    const answers = Array.from({ length: 80 }, () => dispatcher.dispatch(options, handler));
    expect(answers[0]).toBe(true);
    expect(answers.at(-1)).toBe(false);
    const [url] = (await drained) as [URL];
    expect(url.origin).toBe(world.url);
    await dispatcher.close();
  });

  test("destroy ends requests with its error, waiting ones too", async () => {
    const dispatcher = open();
    const error = new Error("shutting down");
    const unanswered = request(`${world.url}/never`, { dispatcher });
    const { body } = await request(`${world.url}/stalls`, { dispatcher });
    const read = body.text();
    const waiting = request(`${world.url}/echo`, { dispatcher });
    const all = [unanswered, read, waiting].map((each) => expect(each).rejects.toBe(error));
    await Promise.all([...all, dispatcher.destroy(error)]);
    expect([dispatcher.closed, dispatcher.destroyed]).toEqual([true, true]);
  });

  test("blocking and idempotent are accepted", async () => {
    const options = { dispatcher: open(), blocking: false, idempotent: true, method: "POST", body: "x" } as const;
    expect(await (await request(`${world.url}/echo`, options)).body.text()).toBe(`${protocol} POST x`);
  });

  test("a certificate that is not trusted fails with OpenSSL's code", async () => {
    const dispatcher = openAgent({ protocols: [protocol], rejectUnauthorized: true });
    const events: string[] = [];
    dispatcher.on("connectionError", (url, _targets, error) => events.push(`${url.origin} ${error.code}`));
    await expect(request(world.url, { dispatcher })).rejects.toMatchObject({
      code: "DEPTH_ZERO_SELF_SIGNED_CERT",
      cause: { code: "CERTIFICATE_UNKNOWN_AUTHORITY" },
    });
    expect(events).toEqual([`${world.url} DEPTH_ZERO_SELF_SIGNED_CERT`]);
  });
});

test("reset closes an HTTP/1.1 connection after its response", async () => {
  const dispatcher = openAgent({ protocols: ["http/1.1"] });
  let connections = 0;
  dispatcher.on("connect", () => connections++);
  for (const reset of [true, true, false, false]) {
    const gone = once(dispatcher, "disconnect");
    await (await request(`${world.url}/echo`, { dispatcher, reset })).body.text();
    if (reset) await gone;
  }
  expect(connections).toBe(3);
});

/** Answers with `reply`, by the number of the request; without one, closes the connection. */
async function rawServer(reply: (count: number) => string | undefined): Promise<{ url: string; count: () => number }> {
  let count = 0;
  const sockets = new Set<TLSSocket>();
  const server = createServer({ ...(localhostIdentity as { cert: string; key: string }) }, (socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
    socket.on("data", () => {
      const text = reply(++count);
      if (text === undefined) socket.destroy();
      else socket.write(text);
    });
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  onEnd(async () => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return { url: `https://localhost:${(server.address() as { port: number }).port}`, count: () => count };
}

const OK = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

test.each([
  ["GET", undefined, true],
  ["GET", false, false],
  ["POST", undefined, false],
  ["POST", true, true],
])("after a lost connection, %s with idempotent %s is repeated: %s", async (method, idempotent, isRepeated) => {
  const { url } = await rawServer((count) => (count === 2 ? undefined : OK));
  const dispatcher = openAgent({ protocols: ["http/1.1"] });
  await (await request(url, { dispatcher })).body.text();
  const options = { dispatcher, method: method as "GET", ...(idempotent === undefined ? {} : { idempotent }) };
  const second = request(url, options);
  if (isRepeated) expect(await (await second).body.text()).toBe("ok");
  else await expect(second).rejects.toMatchObject({ code: "UND_ERR_SOCKET", cause: { code: "CONNECTION_LOST" } });
});

test.each([
  ["not HTTP", "BANANA\r\n\r\n", "UND_ERR_INFO"],
  ["a head that is too large", `HTTP/1.1 200 OK\r\nx: ${"y".repeat(2 << 20)}\r\n\r\n`, "UND_ERR_HEADERS_OVERFLOW"],
])("%s is an error that the interceptor retry does not repeat", async (_name, answer, code) => {
  const { url, count } = await rawServer(() => answer);
  const dispatcher = openAgent({ protocols: ["http/1.1"] }).compose(interceptors.retry()) as never;
  await expect(request(url, { dispatcher })).rejects.toMatchObject({ code, cause: { code: "PROTOCOL_ERROR" } });
  expect(count()).toBe(1);
});
