/** Replication with versions: stamped writes, the newest copy, and repair. */

import { describe, expect, test } from "vitest";
import type { MemcacheConfig } from "../config/config.ts";
import { World } from "../testing/world.ts";

const LABELS = ["a", "b", "c"] as const;
const CONFIG: MemcacheConfig = {
  backendOptions: { readTimeout: 1 },
  pools: Object.fromEntries(LABELS.map((label, i) => [label, { backends: [{ host: "h", port: i + 1, label }] }])),
  routes: { map: { r: { route: "replicated", children: LABELS, stats: true } } },
};

const valueAt = (world: World, label: string, key = "r/k") => world.backend(label).items.get(key)?.value;

describe("a write", () => {
  test("has the same, growing version everywhere", () => {
    const world = new World(CONFIG);
    expect(world.ask("ms r/k 2 F5 T60\r\nhi\r\nset r/l 7 0 2\r\nho\r\nset r/k 5 0 2\r\nhu\r\n")).toBe(
      "HD\r\nSTORED\r\nSTORED\r\n",
    );
    const items = LABELS.map((label) => world.backend(label).items);
    for (const key of ["r/k", "r/l"]) expect(new Set(items.map((each) => each.get(key)!.cas)).size).toBe(1);
    expect(items[0]!.get("r/l")).toMatchObject({ flags: "7", ttl: "0", value: "ho" });
    expect(items[0]!.get("r/k")!.cas).toBeGreaterThan(items[0]!.get("r/l")!.cas);
  });

  test("is answered when most have it, and fails otherwise", () => {
    const world = new World(CONFIG);
    world.set("a", "refusing");
    expect(world.ask("ms r/k 2\r\nhi\r\n")).toBe("HD\r\n");
    world.set("b", "refusing");
    expect(world.ask("ms r/k 2\r\nho\r\n")).toBe("SERVER_ERROR backend failure\r\n");
  });

  test("with conditions of its own is left as it is", () => {
    const world = new World(CONFIG);
    world.ask("ms r/k 2 ME\r\nhi\r\nms r/k 2 C1\r\nho\r\nset r/k bad 0 2\r\nhi\r\n");
    expect(world.backend("a").log.filter((line) => / E\d/.test(line))).toEqual([]);
  });
});

describe("a read", () => {
  /** `a` missed the second write. */
  function behind(): World {
    const world = new World(CONFIG);
    world.ask("ms r/k 3 F5 T60\r\nold\r\n");
    const { items } = world.backend("a");
    const old = items.get("r/k")!;
    world.ask("ms r/k 3 F6 T60\r\nnew\r\n");
    items.set("r/k", old);
    return world;
  }

  test("answers with the newest copy, without what was not asked for", () => {
    for (const [ask, answer] of [
      ["mg r/k v f O1\r\n", "VA 3 f6 O1\r\nnew\r\n"],
      ["get r/k\r\n", "VALUE r/k 6 3\r\nnew\r\nEND\r\n"],
      ["get r/k r/none\r\n", "VALUE r/k 6 3\r\nnew\r\nEND\r\n"],
      ["mg r/none v\r\n", "EN\r\n"],
    ] as const) {
      expect(behind().ask(ask)).toBe(answer);
    }
    expect(behind().ask("gets r/k\r\n")).toMatch(/^VALUE r\/k 6 3 1\d{15}\r\nnew\r\nEND\r\n$/);
    expect(behind().ask("mg r/k c\r\n")).toMatch(/^HD c1\d{15}\r\n$/);
  });

  test("repairs an older copy, and one that is missing", () => {
    const world = behind();
    world.backend("b").items.delete("r/k");
    world.ask("mg r/k v\r\n");
    const items = LABELS.map((label) => world.backend(label).items.get("r/k"));
    expect(items[0]).toMatchObject({ value: "new", flags: "6", ttl: "60", cas: items[2]!.cas });
    expect(items[1]).toEqual(items[0]);
    expect(world.ask("stats proxy\r\n")).toContain("STAT user_r_repairs 2\r\n");
  });

  test("does not repair over a write that came meanwhile", () => {
    const world = behind();
    world.ask("mg r/none v\r\n");
    const { items } = world.backend("a");
    const log = world.backend("c").log;
    // The other write lands when the newest copy has been fetched for the repair.
    const push = log.push.bind(log);
    log.push = (line) => {
      if (/v c t f/.test(line)) items.set("r/k", { ...items.get("r/k")!, value: "newest", cas: 2e15 });
      return push(line);
    };
    world.backend("b").log.push = log.push;
    world.ask("mg r/k v\r\n");
    expect(valueAt(world, "a")).toBe("newest");
  });

  test("leaves items without a stamp alone", () => {
    const world = new World(CONFIG);
    for (const [label, value] of [
      ["a", "one"],
      ["b", "two"],
    ] as const) {
      world.backend(label).handle(new TextEncoder().encode(`set r/k 0 0 3\r\n${value}\r\n`));
    }
    expect(world.ask("mg r/k v\r\n")).toBe("VA 3\r\none\r\n");
    expect(LABELS.map((label) => valueAt(world, label))).toEqual(["one", "two", undefined]);
  });

  test("needs most replicas", () => {
    const world = behind();
    world.set("a", "refusing");
    expect(world.ask("mg r/k v\r\n")).toBe("VA 3\r\nnew\r\n");
    world.set("b", "refusing");
    expect(world.ask("mg r/k v\r\n")).toBe("SERVER_ERROR backend failure\r\n");
  });
});
