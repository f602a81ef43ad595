import { expect, test } from "vitest";
import { World } from "../testing/world.ts";

const world = (coalesce: boolean): World =>
  new World({
    backendOptions: { readTimeout: 1, retryReads: false },
    pools: { a: { backends: [{ host: "h", label: "a" }], options: { coalesce } } },
    routes: { map: { x: "a" }, default: "a" },
  });

/** Several clients ask while the backend is silent; then it goes away. Returns what it was asked. */
function asked(proxy: World, ...requests: readonly string[]): string[] {
  proxy.ask("set k 0 0 1\r\nv\r\n");
  const from = proxy.backend("a").log.length;
  const sessions = requests.map((request) => {
    const session = proxy.open();
    session.handleData(new TextEncoder().encode(request), proxy.instant);
    return session;
  });
  proxy.run();
  for (const session of sessions) expect(proxy.received(session)).not.toBe("");
  return proxy.backend("a").log.slice(from);
}

test("equal reads of several clients are one, and each gets the answer", () => {
  const get = "mg k v\r\n";
  expect(asked(world(true), get, get, get)).toEqual(["mg k v"]);
  expect(asked(world(false), get, get, get)).toHaveLength(3);
});

test("reads that differ are not", () => {
  const requests = ["mg k v\r\n", "mg k v O1\r\n", "get k\r\n", "get k k2\r\n", "mg k N30 v\r\n", "mg k N30 v\r\n"];
  expect(asked(world(true), ...requests)).toHaveLength(7);
});

test("a read after a write of the key asks again", () => {
  const proxy = world(true);
  const session = proxy.open();
  proxy.ask("set k 0 0 1\r\nv\r\n");
  expect(proxy.ask("get k\r\nset k 0 0 1\r\nw\r\nget k\r\nget k\r\n", session)).toBe(
    "VALUE k 0 1\r\nv\r\nEND\r\nSTORED\r\nVALUE k 0 1\r\nw\r\nEND\r\nVALUE k 0 1\r\nw\r\nEND\r\n",
  );
  expect(proxy.backend("a").log.filter((line) => line === "get k")).toHaveLength(2);
});

test("a failure reaches all that waited, and later reads ask again", () => {
  const proxy = world(true);
  proxy.set("a", "silent");
  const sessions = [proxy.open(), proxy.open()];
  for (const session of sessions) expect(proxy.ask("get k\r\n", session)).toBe("");
  proxy.wait(1.1);
  for (const session of sessions) expect(proxy.received(session)).toBe("SERVER_ERROR backend failure\r\n");
  proxy.set("a", "up");
  proxy.wait(5);
  expect(proxy.ask("get k\r\n")).toBe("END\r\n");
});
