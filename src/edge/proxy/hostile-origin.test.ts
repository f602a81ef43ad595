/** Hostile origins, and clients that attack the origin through the proxy. */

import type { Socket } from "node:net";
import { afterEach, describe, expect, test } from "vitest";
import { VERSIONS } from "../testing/client.ts";
import { get, type TestClient } from "../testing/test-client.ts";
import { rawOrigin, throughProxy } from "./testing/through-proxy.ts";

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

describe.each(VERSIONS)("over %s", (_version, open) => {
  async function start(base: string, onRequest: (socket: Socket, head: string) => void): Promise<TestClient> {
    const origin = await rawOrigin(closers, onRequest);
    return throughProxy(closers, open, [`http://${origin}${base}`], { log: () => undefined });
  }

  test.each([
    ["103 with fields", `HTTP/1.1 103 Early Hints\r\nlink: <${"a".repeat(200)}>\r\n\r\n`],
    ["102 without", "HTTP/1.1 102 Processing\r\n\r\n"],
    ["100 that was not requested", "HTTP/1.1 100 Continue\r\n\r\n"],
  ])("endless informational responses: %s", async (_which, one) => {
    let sent = 0;
    let gone = () => {};
    const left = new Promise<void>((resolve) => {
      gone = resolve;
    });
    const many = one.repeat(100);
    const client = await start("", (socket) => {
      const send = () => {
        while (!socket.destroyed && sent < 1 << 28) {
          sent += many.length;
          if (!socket.write(many)) return;
        }
      };
      socket.on("drain", send).on("close", gone);
      send();
    });
    const response = await get(client, "/");
    expect(response.status).toBe(502);
    await left;
    expect(sent).toBeLessThan(1 << 27);
  });

  test.each([
    [
      "101 without a request for it",
      "HTTP/1.1 101 Switching Protocols\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n",
    ],
    ["101 with Upgrade", "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n"],
    ["an unknown transfer coding", "HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n"],
  ])("%s is a 502, and is not passed on", async (_which, response) => {
    const client = await start("", (socket) => socket.write(response));
    const { informational, response: head } = client.request({ path: "/" });
    expect([(await head).status, informational]).toEqual([502, []]);
  });

  test.each([204, 205])("a %d has no content, whatever the origin sends", async (status) => {
    const client = await start("", (socket) =>
      socket.write(`HTTP/1.1 ${status} X\r\nx-a: 1\r\ncontent-length: 5\r\n\r\nabcde`),
    );
    const response = await get(client, "/");
    expect([response.status, response.headers["x-a"], await response.text()]).toEqual([status, "1", ""]);
    expect(response.headers["content-length"] ?? "0").toBe("0");
  });

  test("no path escapes the base of an origin", async () => {
    const paths: string[] = [];
    const client = await start("/base", (socket, head) => {
      paths.push(head.split(" ")[1]!);
      socket.write("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
    });
    const escapes = [
      "/../x",
      "/a/../../x",
      "/%2e%2E/x",
      "/.%2e/x",
      "/..",
      "/..?a",
      "/..%2fx",
      "/..%5cx",
      "/..\\x",
      "/..;a/x",
      "/a%2f../../x",
    ];
    const statusOf = async (path: string) => {
      const response = await get(client, path);
      await response.text();
      return response.status;
    };
    for (const path of escapes) expect(await statusOf(path), path).toBe(400);
    const inside = ["/a/b", "/..a/b", "/a..", "/...", "/a?../..", "//a"];
    for (const path of inside) expect(await statusOf(path), path).toBe(200);
    expect(paths).toEqual(inside.map((path) => `/base${path}`));
  });
});
