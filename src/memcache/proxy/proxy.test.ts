/** Clients of the proxy: order, multigets, limits, errors in memcached's words, statistics, events and new plans. */

import { describe, expect, test } from "vitest";
import type { MemcacheConfig } from "../config/config.ts";
import { World } from "../testing/world.ts";

const CONFIG: MemcacheConfig = {
  pools: { foo: { backends: ["a:1 one", "b:1 two"] }, dead: { backends: ["c:1 dead"] } },
  routes: { map: { foo: "foo", dead: "dead" } },
};

function world(config = CONFIG): World {
  const created = new World(config);
  created.set("dead", "refusing");
  return created;
}

describe("a client", () => {
  test("gets its answers in the order of its requests", () => {
    const proxy = world();
    const session = proxy.open();
    const keys = Array.from({ length: 40 }, (_, i) => `foo/${i}`);
    const stored = proxy.ask(keys.map((key) => `set ${key} 0 0 ${key.length}\r\n${key}\r\n`).join(""), session);
    expect(stored).toBe("STORED\r\n".repeat(40));
    expect(proxy.backend("one").items.size).toBeGreaterThan(5);
    expect(proxy.backend("two").items.size).toBeGreaterThan(5);
    const fetched = proxy.ask(keys.map((key) => `get ${key}\r\n`).join(""), session);
    expect(fetched).toBe(keys.map((key) => `VALUE ${key} 0 ${key.length}\r\n${key}\r\nEND\r\n`).join(""));
  });

  test("that speaks the binary protocol is sent away", () => {
    const proxy = world();
    const session = proxy.open();
    session.handleData(new Uint8Array([0x80, 0x0a, ...new Array<number>(22).fill(0)]), proxy.instant);
    expect(session.isFinished).toBe(true);
    expect(proxy.ask("stats\r\n")).toContain("STAT proxy_conn_errors 1\r\n");
  });

  test("may cut its bytes anywhere", () => {
    const proxy = world();
    const session = proxy.open();
    let answers = "";
    for (const byte of "set foo/a 0 0 4\r\n\r\n\r\n\r\nget foo/a foo/b\r\nmg foo/a v\r\nmn\r\n") {
      answers += proxy.ask(byte, session);
    }
    expect(answers).toBe("STORED\r\nVALUE foo/a 0 4\r\n\r\n\r\n\r\nEND\r\nVA 4\r\n\r\n\r\n\r\nMN\r\n");
  });

  test("gets one END for many keys, and an error for a key that has one", () => {
    const proxy = world();
    proxy.ask("set foo/a 0 0 2\r\nhi\r\n");
    expect(proxy.ask("get foo/a foo/b foo/a \r\n")).toBe(`${"VALUE foo/a 0 2\r\nhi\r\n".repeat(2)}END\r\n`);
    expect(proxy.ask("get foo/a dead/x foo/b\r\n")).toBe(
      "VALUE foo/a 0 2\r\nhi\r\nSERVER_ERROR backend failure\r\nEND\r\n",
    );
    expect(proxy.ask("get none/x foo/a\r\n")).toBe(
      "SERVER_ERROR lua start failure\r\nVALUE foo/a 0 2\r\nhi\r\nEND\r\n",
    );
    expect(proxy.ask(`gets foo/a ${"k".repeat(251)}\r\n`)).toBe(
      "VALUE foo/a 0 2 1\r\nhi\r\nCLIENT_ERROR key too long\r\nEND\r\n",
    );
    expect(proxy.ask(`get${" ".repeat(20)}foo/a foo/b\r\n`)).toBe(
      `${"CLIENT_ERROR malformed request\r\n".repeat(2)}END\r\n`,
    );
  });

  test("that wants silence hears only errors", () => {
    const proxy = world();
    const session = proxy.open();
    expect(proxy.ask("set foo/a 0 0 2 noreply\r\nhi\r\nms foo/b 2 q\r\nhi\r\nmg foo/c v q\r\nmn\r\n", session)).toBe(
      "MN\r\n",
    );
    expect(proxy.ask("mg foo/a v q\r\ndelete foo/none noreply\r\nmd foo/none q\r\n", session)).toBe(
      "VA 2\r\nhi\r\nNF\r\n",
    );
    expect(proxy.ask("set dead/a 0 0 2 noreply\r\nhi\r\nmg dead/c v q\r\n", session)).toBe(
      "SERVER_ERROR backend failure\r\n".repeat(2),
    );
  });
});

describe("bad input", () => {
  test.each([
    ["bogus\r\n", "CLIENT_ERROR parsing request\r\n"],
    ["\r\n", "CLIENT_ERROR parsing request\r\n"],
    ["flush_all\r\n", "CLIENT_ERROR parsing request\r\n"],
    ["ms foo/b S2\r\nab\r\n", "CLIENT_ERROR parsing request\r\nCLIENT_ERROR parsing request\r\n"],
    ["get dead/x\r\n", "SERVER_ERROR backend failure\r\n"],
    ["set dead/x 0 0 1\r\n1\r\n", "SERVER_ERROR backend failure\r\n"],
    ["get none/x\r\n", "SERVER_ERROR lua start failure\r\n"],
    ["set none/x 0 0 4\r\nmn\r\n\r\nmn\r\n", "SERVER_ERROR lua start failure\r\nMN\r\n"],
    ["set foo/a 0 0 2\r\nhixx\r\nmn\r\n", "CLIENT_ERROR bad data chunk\r\nCLIENT_ERROR parsing request\r\nMN\r\n"],
    [`set foo/a 0 0 10001\r\n${"x".repeat(10_001)}\r\nmn\r\n`, "SERVER_ERROR out of memory\r\nMN\r\n"],
    [`get ${"k".repeat(250)}\r\n`, "SERVER_ERROR lua start failure\r\n"],
    [`get foo/${"k".repeat(247)}\r\n`, "CLIENT_ERROR bad command line format\r\n"],
    ["get foo/a\0b\r\n", "END\r\n"],
    ["version\r\n", "VERSION 1.6.38\r\n"],
    ["stats bogus\r\n", "ERROR\r\n"],
    [`\x80\x0b${"\0".repeat(22)}`, ""],
  ])("%j is answered with %j", (bytes, answer) => {
    expect(world().ask(bytes)).toBe(answer);
  });

  test.each([
    ["a line of 500 bytes", `get foo/${"k".repeat(490)}\r\n`],
    ["a line that does not end", "x".repeat(1025)],
    ["binary protocol", "\x80".repeat(1025)],
    ["quit", "quit\r\n"],
  ])("%s ends the connection", (_, bytes) => {
    const proxy = world();
    const session = proxy.open();
    expect(proxy.ask(bytes, session)).toBe("");
    expect(session.isFinished).toBe(true);
    expect(proxy.ask("mn\r\n", session)).toBe("");
  });

  test("a multiget may be long, and arrive in pieces", () => {
    const proxy = world();
    const session = proxy.open();
    const line = `get ${Array.from({ length: 3000 }, (_, i) => `foo/${i}`).join(" ")}\r\n`;
    proxy.ask("set foo/2999 0 0 1\r\n1\r\n");
    let answers = "";
    for (let at = 0; at < line.length; at += 1000) answers += proxy.ask(line.slice(at, at + 1000), session);
    expect(answers).toBe("VALUE foo/2999 0 1\r\n1\r\nEND\r\n");
  });

  test.each([
    ["line", "SERVER_ERROR backend failure\r\n"],
    ["key", "SERVER_ERROR backend failure: foo/b\r\n"],
    ["miss", ""],
  ] as const)("a multiget shows the error of one key as %s", (multigetErrors, shown) => {
    const proxy = world({
      ...CONFIG,
      multigetErrors,
      pools: { up: { backends: ["one:1"] }, gone: { backends: [] } },
      routes: { map: { foo: "gone" }, default: "up" },
    });
    proxy.ask("set a 0 0 1\r\n1\r\n");
    expect(proxy.ask("get a foo/b c a\r\n")).toBe(`VALUE a 0 1\r\n1\r\n${shown}VALUE a 0 1\r\n1\r\nEND\r\n`);
  });

  test("a client that sends and does not read is not read from any more", () => {
    const proxy = world();
    const session = proxy.open();
    session.handleData(Buffer.from("mg foo/a v\r\n".repeat(100_000)), proxy.instant);
    expect(session.isFull).toBe(true);
    expect(proxy.proxy.stats.activeRequests).toBeLessThan(1000);
    proxy.run();
    expect(proxy.received(session)).toBe("EN\r\n".repeat(100_000));
    expect(proxy.proxy.stats.activeRequests).toBe(0);
  });

  test("requests of a client that has gone are dropped", () => {
    const proxy = world();
    const session = proxy.open();
    proxy.set("one", "silent");
    proxy.set("two", "silent");
    proxy.ask("get foo/a\r\nset foo/b 0 0 1\r\n1\r\n", session);
    expect(proxy.proxy.stats.activeRequests).toBe(2);
    proxy.proxy.closeSession(session);
    expect(proxy.proxy.stats.activeRequests).toBe(0);
    proxy.wait(10);
    expect(proxy.received(session)).toBe("");
  });

  test("more active requests than the limit are refused, with their values", () => {
    const proxy = world({ ...CONFIG, activeRequestLimit: 1 });
    proxy.set("one", "silent");
    proxy.set("two", "silent");
    proxy.ask("get foo/a\r\n");
    expect(proxy.ask("set foo/a 0 0 2\r\nhi\r\nmn\r\n")).toBe("SERVER_ERROR active request limit reached\r\nMN\r\n");
  });
});

describe("a backend", () => {
  test("that is silent fails its requests in time, and is used again when it answers", () => {
    const proxy = world({ ...CONFIG, pools: { foo: { backends: ["a:1 one"] } }, routes: { map: { foo: "foo" } } });
    const session = proxy.open();
    proxy.set("one", "silent");
    expect(proxy.ask("get foo/a\r\n", session)).toBe("");
    proxy.set("one", "up");
    proxy.wait(3);
    expect(proxy.received(session)).toBe("SERVER_ERROR backend failure\r\n");
    expect(proxy.ask("get foo/a\r\n", session)).toBe("END\r\n");
    expect(proxy.events).toEqual(["timeout one"]);
  });

  test("that restarts costs a reader nothing", () => {
    const proxy = world();
    proxy.ask("set foo/a 0 0 2\r\nhi\r\n");
    proxy.set("one", "silent");
    proxy.set("two", "silent");
    const session = proxy.open();
    proxy.ask("get foo/a\r\n", session);
    const labels = ["one", "two"];
    for (const label of labels) proxy.set(label, "up");
    for (const backend of proxy.proxy.plan.backends) {
      for (const connection of backend.connections) connection.handleFailure("disconnected", proxy.instant);
    }
    proxy.run();
    expect(proxy.received(session)).toBe("VALUE foo/a 0 2\r\nhi\r\nEND\r\n");
  });
});

describe("statistics", () => {
  test("have memcached's names", () => {
    const proxy = world();
    proxy.ask("get foo/a foo/b\r\nset foo/a 0 0 1\r\n1\r\nmn\r\nbogus\r\n");
    const lines = proxy.ask("stats proxy\r\n").split("\r\n");
    expect(lines.slice(0, 3)).toEqual([
      "STAT active_req_limit 0",
      "STAT buffer_memory_limit 0",
      "STAT buffer_memory_used 0",
    ]);
    expect(lines).toContain("STAT cmd_get 2");
    expect(lines).toContain("STAT cmd_set 1");
    expect(lines).toContain("STAT cmd_mn 0");
    expect(lines.at(-2)).toBe("END");
    const general = proxy.ask("stats\r\n");
    expect(general).toContain("STAT proxy_conn_requests 3\r\n");
    expect(general).toContain("STAT proxy_conn_errors 1\r\n");
    expect(general).toContain("STAT proxy_backend_marked_bad 1\r\n");
    expect(proxy.ask("stats proxybe\r\n")).toBe("STAT bad_dead 1\r\nEND\r\n");
  });

  test("events reach those who watch", () => {
    const proxy = world();
    const watcher = proxy.open();
    expect(proxy.ask("watch proxyevents\r\n", watcher)).toBe("OK\r\n");
    proxy.set("one", "refusing");
    expect(proxy.received(watcher)).toContain("type=proxy_backend error=disconnected name=a port=1 label=one depth=0");
    expect(proxy.ask("watch everything\r\n")).toBe("ERROR\r\n");
  });
});

describe("a new plan", () => {
  test("keeps the connections of backends that stay, and closes the others'", () => {
    const proxy = world();
    const [one, two] = proxy.proxy.plan.backends;
    proxy.configure({ pools: { foo: { backends: ["a:1 one", "d:1 four"] } }, routes: { map: { foo: "foo" } } });
    expect(proxy.proxy.plan.backends[0]).toBe(one);
    expect(one!.connections[0]!.state).toBe("ready");
    expect(two!.connections[0]!.state).toBe("idle");
    expect(proxy.ask("get dead/a\r\n")).toBe("SERVER_ERROR lua start failure\r\n");
  });

  test("lets requests finish as they began", () => {
    const proxy = world();
    const session = proxy.open();
    proxy.set("one", "silent");
    proxy.set("two", "silent");
    proxy.ask("get foo/a\r\n", session);
    const waiting = proxy.proxy.plan.backends.map((each) => each.connections[0]!).find(({ depth }) => depth > 0)!;
    proxy.configure({ pools: { foo: { backends: ["d:1 four"] } }, routes: { map: { foo: "foo" } } });
    waiting.handleData(Buffer.from("END\r\n"), proxy.instant);
    proxy.run();
    expect(proxy.received(session)).toBe("END\r\n");
  });

  test("with another tag serves only that listener", () => {
    const proxy = world({
      pools: { a: { backends: ["a:1 one"] }, b: { backends: ["b:1 two"] } },
      routes: [{ default: "a" }, { tag: "b", default: "b" }],
    });
    proxy.ask("set x 0 0 1\r\n1\r\n");
    proxy.ask("set x 0 0 1\r\n2\r\n", proxy.open("b"));
    expect([proxy.backend("one"), proxy.backend("two")].map(({ items }) => items.get("x")?.value)).toEqual(["1", "2"]);
  });
});
