/** Every route over backends in memory, some of which fail. */

import { describe, expect, test } from "vitest";
import type { MapEntry, RoutesConfig } from "../config/config.ts";
import { World } from "../testing/world.ts";

function world(entry: MapEntry, more: Partial<RoutesConfig> = {}): World {
  const pool = (name: string) => ({ backends: [`${name}:1 ${name}`], backendOptions: { failureLimit: 0 } });
  return new World({
    localZone: "west",
    pools: {
      a: pool("a"),
      b: pool("b"),
      c: pool("c"),
      set_all: { east: pool("east"), west: pool("west"), far: pool("far") },
    },
    routes: { map: { k: entry }, ...more },
  });
}

const SET = "set k/1 0 0 2\r\nhi\r\n";
const GET = "get k/1\r\n";
const HIT = "VALUE k/1 0 2\r\nhi\r\nEND\r\n";
const FAILED = "SERVER_ERROR backend failure\r\n";

const holders = (each: World, labels: readonly string[]): string[] =>
  labels.filter((label) => each.backend(label).items.has("k/1"));

describe("allsync", () => {
  test("writes to all children and waits for all", () => {
    const all = world({ route: "allsync", children: ["a", "b", "c"] });
    expect(all.ask(SET)).toBe("STORED\r\n");
    expect(holders(all, ["a", "b", "c"])).toEqual(["a", "b", "c"]);
    const session = all.open();
    all.set("b", "silent");
    expect(all.ask(SET, session)).toBe("");
    all.wait(3);
    expect(all.received(session)).toBe(FAILED);
  });
});

describe("majority", () => {
  test("answers when more than half have", () => {
    const majority = world({ route: "majority", children: ["a", "b", "c"] });
    majority.set("b", "silent");
    expect(majority.ask(SET)).toBe("STORED\r\n");
    majority.set("c", "refusing");
    const session = majority.open();
    expect(majority.ask(SET, session)).toBe("");
    majority.wait(3);
    expect(majority.received(session)).toBe(FAILED);
  });
});

test("majority counts the last answer too, after an error", () => {
  const majority = world({ route: "majority", children: ["a", "b", "c"] });
  majority.set("a", "refusing");
  majority.wait(0);
  expect(majority.ask(SET)).toBe("STORED\r\n");
});

describe("allasync", () => {
  test("answers at once, and writes to all", () => {
    const all = world({ route: "allasync", children: "set_all" });
    all.set("far", "silent");
    expect(all.ask(SET)).toBe("NOT_STORED\r\n");
    expect(holders(all, ["east", "west", "far"])).toEqual(["east", "west"]);
  });
});

describe("allfastest", () => {
  test("takes the first answer that is no error", () => {
    const fastest = world({ route: "allfastest", children: ["a", "b"] });
    fastest.set("a", "silent");
    expect(fastest.ask(GET)).toBe("END\r\n");
    fastest.set("b", "refusing");
    const session = fastest.open();
    expect(fastest.ask(GET, session)).toBe("");
    fastest.wait(3);
    expect(fastest.received(session)).toBe(FAILED);
  });

  test("prefers a hit to a miss if told so", () => {
    const fastest = world({ route: "allfastest", children: ["a", "b"], miss: true });
    fastest.backend("b").handle(Buffer.from(SET));
    expect(fastest.ask(GET)).toBe(HIT);
  });

  test("waits no longer than told", () => {
    const fastest = world({ route: "allfastest", children: ["a", "b"], miss: true, wait: 0.5 });
    fastest.set("b", "silent");
    const session = fastest.open();
    expect(fastest.ask(GET, session)).toBe("");
    fastest.wait(0.5);
    expect(fastest.received(session)).toBe("END\r\n");
  });
});

describe("split", () => {
  test("answers with one child's answer", () => {
    const split = world({ route: "split", childA: "a", childB: "b" });
    split.set("b", "refusing");
    expect(split.ask(SET)).toBe("STORED\r\n");
    split.set("b", "up");
    split.wait(3);
    expect(split.ask(SET)).toBe("STORED\r\n");
    expect(holders(split, ["a", "b"])).toEqual(["a", "b"]);
  });
});

describe("failover", () => {
  test("tries the next child after an error, and counts it", () => {
    const failover = world({ route: "failover", children: ["a", "b", "c"], stats: true });
    failover.backend("b").handle(Buffer.from(SET));
    failover.set("a", "refusing");
    expect(failover.ask(GET)).toBe(HIT);
    expect(failover.ask("stats proxy\r\n")).toContain("STAT user_k_retries 1\r\n");
  });

  test("takes a miss for an answer, unless told otherwise", () => {
    const plain = world({ route: "failover", children: ["a", "b"] });
    plain.backend("b").handle(Buffer.from(SET));
    expect(plain.ask(GET)).toBe("END\r\n");
    const missing = world({ route: "failover", children: ["a", "b"], miss: true });
    missing.backend("b").handle(Buffer.from(SET));
    expect(missing.ask(GET)).toBe(HIT);
  });

  test("does not turn a miss into an error", () => {
    const failover = world({ route: "failover", children: ["a", "b"], miss: true });
    failover.set("b", "refusing");
    expect(failover.ask(GET)).toBe("END\r\n");
  });

  test("gives up after its count, with the last error", () => {
    const failover = world({ route: "failover", children: ["a", "b", "c"], failoverCount: 2 });
    failover.backend("c").handle(Buffer.from(SET));
    failover.set("a", "refusing");
    failover.set("b", "refusing");
    expect(failover.ask(GET)).toBe(FAILED);
  });

  test("waits for each child no longer than told, and ignores late answers", () => {
    const failover = world({ route: "failover", children: ["a", "b"], wait: 0.2 });
    failover.backend("b").handle(Buffer.from(SET));
    failover.set("a", "silent");
    const session = failover.open();
    expect(failover.ask(GET, session)).toBe("");
    failover.wait(0.2);
    expect(failover.received(session)).toBe(HIT);
    failover.wait(3);
    expect(failover.received(session)).toBe("");
  });

  test("with no child in time has no answer", () => {
    const failover = world({ route: "failover", children: ["a"], wait: 0.2 });
    failover.set("a", "silent");
    const session = failover.open();
    failover.ask(GET, session);
    failover.wait(0.2);
    expect(failover.received(session)).toBe("SERVER_ERROR bad response\r\n");
  });

  test("begins with the local zone", () => {
    const failover = world({ route: "failover", children: "set_all", localZone: "far" });
    failover.ask(GET);
    expect(failover.backend("far").log).toContain("get k/1");
    expect(failover.backend("east").log).not.toContain("get k/1");
  });
});

describe("zfailover", () => {
  test("asks the far zones at once after a miss or an error of the near one", () => {
    const zones = world({ route: "zfailover", children: "set_all", stats: true });
    zones.backend("far").handle(Buffer.from(SET));
    expect(zones.ask(GET)).toBe(HIT);
    expect(zones.backend("east").log).toContain("get k/1");
    zones.set("west", "refusing");
    expect(zones.ask(GET)).toBe(HIT);
    expect(zones.ask("stats proxy\r\n")).toContain("STAT user_k_retries 2\r\n");
  });

  test("does not wait for the other far zones after a hit", () => {
    const zones = world({ route: "zfailover", children: "set_all" });
    zones.backend("east").handle(Buffer.from(SET));
    zones.set("far", "silent");
    expect(zones.ask(GET)).toBe(HIT);
  });

  test("answers with the near zone's miss if the far zones fail", () => {
    const zones = world({ route: "zfailover", children: "set_all" });
    zones.set("east", "refusing");
    zones.set("far", "refusing");
    expect(zones.ask(GET)).toBe("END\r\n");
    zones.set("west", "refusing");
    expect(zones.ask(GET)).toBe("SERVER_ERROR bad response\r\n");
  });

  test("takes the near zone's miss for an answer if told so", () => {
    const zones = world({ route: "zfailover", children: "set_all", miss: false });
    zones.backend("far").handle(Buffer.from(SET));
    expect(zones.ask(GET)).toBe("END\r\n");
  });
});

describe("small routes", () => {
  test("ttl sets the time to live of what is stored, and refuses the rest", () => {
    const ttl = world({ route: "ttl", ttl: 5, child: "a" });
    expect(ttl.ask("set k/1 0 99 2\r\nhi\r\nms k/2 2\r\nhi\r\nms k/3 2 T9 c\r\nhi\r\n")).toBe("STORED\r\nHD\r\nHD\r\n");
    expect(ttl.backend("a").log.slice(1)).toEqual(["set k/1 0 5 2", "ms k/2 2 T5", "ms k/3 2 T5 c"]);
    expect(ttl.ask(GET)).toBe("SERVER_ERROR invalid command for route_ttl\r\n");
  });

  test("ratelim passes requests while there are tokens", () => {
    const limited = world({ route: "ratelim", limit: 3, fillRate: 1, child: "a", stats: true });
    limited.backend("a").handle(Buffer.from(SET));
    expect(limited.ask(GET.repeat(4))).toBe(`${HIT.repeat(2)}${"END\r\n".repeat(2)}`);
    limited.wait(1.1);
    expect(limited.ask(GET.repeat(2))).toBe(`${HIT}END\r\n`);
    expect(limited.ask("stats proxy\r\n")).toContain("STAT user_k_limits 3\r\n");
  });

  test("random asks one child", () => {
    const random = world({ route: "random", children: ["a", "b"] });
    expect(random.ask(SET)).toBe("STORED\r\n");
    expect(holders(random, ["a", "b"])).toEqual(["a"]);
  });

  test("null holds nothing and keeps nothing", () => {
    const nothing = world({ route: "null" });
    expect(nothing.ask(`${SET}${GET}delete k/1\r\nmg k/1 v\r\nms k/1 1\r\n1\r\nmd k/1\r\nget k/1 k/2\r\n`)).toBe(
      "NOT_STORED\r\nEND\r\nNOT_FOUND\r\nEN\r\nNS\r\nNF\r\nEND\r\n",
    );
  });
});

describe("the router", () => {
  test("chooses by command within an entry, then by command, then the default", () => {
    const routed = world({ commands: { set: "a", all: "b" } }, { cmap: { get: "c" }, default: { route: "null" } });
    routed.ask(`${SET}get k/1\r\nget other/1\r\ndelete other/1\r\n`);
    expect(routed.backend("a").log.slice(1)).toEqual(["set k/1 0 0 2"]);
    expect(routed.backend("b").log.slice(1)).toEqual(["get k/1"]);
    expect(routed.backend("c").log.slice(1)).toEqual(["get other/1"]);
  });

  test.each([
    [{}, "k/1", true],
    [{}, "/k/1", false],
    [{}, "k", false],
    [{ stop: ":" }, "k:1", true],
    [{ stop: "::" }, "k::1", true],
    [{ stop: "::" }, "k:1", false],
    [{ mode: "anchor" }, "/k/1", true],
    [{ mode: "anchor" }, "k/1", false],
    [{ mode: "anchor", start: "<<", stop: ">>" }, "<<k>>1", true],
    [{ mode: "anchor", start: "<<", stop: ">>" }, "<k>>1", false],
  ] as const)("with %j takes %s: %s", (conf, key, isTaken) => {
    const routed = world("a", { conf });
    expect(routed.ask(`get ${key}\r\n`)).toBe(isTaken ? "END\r\n" : "SERVER_ERROR lua start failure\r\n");
  });
});
