/** Configuration files in Lua: memcached's two libraries, budgets, and errors that name their place. */

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import type { MemcacheConfig } from "../../../memcache/config/config.ts";
import { World } from "../../../memcache/testing/world.ts";
import { LuaConfigReader } from "./index.ts";
import { luaPattern } from "./pattern.ts";

const folder = mkdtempSync(join(tmpdir(), "nagare-lua-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

let files = 0;
function file(source: string, name = `config${(files += 1)}.lua`): string {
  const path = join(folder, name);
  writeFileSync(path, source);
  return path;
}

const said: string[] = [];

async function load(source: string, limits = { time: 5_000, memory: 64 * 1024 * 1024 }): Promise<MemcacheConfig> {
  return new LuaConfigReader([file(source)], (line) => said.push(line), limits).read();
}

const world = async (source: string): Promise<World> => new World(await load(source));

describe("simple", () => {
  const ARTICLE = `
    local s = require("lib/simple")
    s.pool{ name = "foo", backends = {"127.0.0.1:11212", "127.0.0.1:11213"} }
    s.pool{ name = "bar", backends = {"127.0.0.1:11214", "127.0.0.1:11215"} }
  `;

  test("routes by prefix, and removes it", async () => {
    const proxy = await world(ARTICLE);
    expect(proxy.ask("set /foo/key 0 0 2\r\nhi\r\nget /foo/key\r\nmg /foo/key v k\r\n")).toBe(
      "STORED\r\nVALUE key 0 2\r\nhi\r\nEND\r\nVA 2 kkey\r\nhi\r\n",
    );
    expect(proxy.ask("get /bar/key\r\nget /baz/key\r\nget key\r\n")).toBe(
      `END\r\n${"SERVER_ERROR no route\r\n".repeat(2)}`,
    );
    const holders = ["127.0.0.1:11212", "127.0.0.1:11213"].filter((label) => proxy.backend(label).items.has("key"));
    expect(holders).toHaveLength(1);
  });

  test("shows its counter from the beginning", async () => {
    expect((await world(ARTICLE)).ask("stats proxy\r\n")).toMatch(/^STAT user_simple_failovers 0\r\n/);
  });

  test("with zones writes everywhere, and reads near first", async () => {
    const proxy = await world(`
      require("simple")
      my_zone("z1")
      pool{ name = "foo", zones = { z1 = {"127.0.0.1:1"}, z2 = {"127.0.0.1:2"}, z3 = {"127.0.0.1:3"} } }
    `);
    expect(proxy.ask("set /foo/a 0 0 1\r\n1\r\n")).toBe("STORED\r\n");
    for (const port of [1, 2, 3]) expect(proxy.backend(`127.0.0.1:${port}`).items.has("a")).toBe(true);
    proxy.backend("127.0.0.1:1").items.clear();
    expect(proxy.ask("get /foo/a\r\n")).toBe("VALUE a 0 1\r\n1\r\nEND\r\n");
    expect(proxy.ask("stats proxy\r\n")).toContain("STAT user_simple_failovers 1\r\n");
    proxy.set("127.0.0.1:2", "refusing");
    expect(proxy.ask("set /foo/b 0 0 1\r\n1\r\n"), "the best result").toBe("STORED\r\n");
  });

  test("with a flat router has no prefix", async () => {
    const proxy = await world(`
      local s = require("simple")
      s.router{ router_type = "flat" }
      s.pool{ name = "default", backends = {"127.0.0.1:1"} }
    `);
    expect(proxy.ask("set a 0 0 1\r\n1\r\nget a\r\n")).toBe("STORED\r\nVALUE a 0 1\r\n1\r\nEND\r\n");
  });
});

describe("routelib", () => {
  test("declares pools, sets, routes, command maps and settings", async () => {
    const config = await load(`
      settings{ backend_read_timeout = 0.5, active_req_limit = 100, pool_options = { filter = "tags", filter_conf = "{}" } }
      local_zone("west")
      verbose(true)
      say("two", "words")
      pools{
        main = {
          backends = { "10.0.0.1:11211", "10.0.0.2:11211 two", "10.0.0.3:11211 _down_", { host = "h", port = 5, retrytimeout = 1 } },
          backend_options = { connections = 2 },
          options = { seed = "s", dist = mcp.dist_jump_hash },
        },
        set_all = { west = { backends = { "w:1" } }, east = { backends = { "e:1" } } },
      }
      routes{
        conf = { mode = "prefix", stop = ":" },
        map = {
          foo = route_direct{ child = "main" },
          bar = cmdmap{ set = route_allsync{ children = "set_all" }, [mcp.CMD_GET] = route_zfailover{ children = "set_all", stats = true } },
          baz = route_split{ child_a = "main", child_b = route_ttl{ ttl = 5, child = "main" } },
        },
        cmap = { delete = route_null{} },
        default = route_failover{ children = { "main", "set_all_east" }, failover_count = 2, miss = true, wait = 0.25 },
      }
      routes{ tag = "b", default = route_ratelim{ limit = 5, fillrate = 2, tickrate = 500, child = "main" } }
    `);
    expect(said).toEqual(["two words"]);
    expect(config).toEqual({
      activeRequestLimit: 100,
      localZone: "west",
      backendOptions: { readTimeout: 0.5 },
      poolOptions: { filter: "tags", filterConf: "{}" },
      pools: {
        main: {
          backends: [
            "10.0.0.1:11211",
            "10.0.0.2:11211 two",
            "10.0.0.3:11211 _down_",
            { host: "h", port: 5, retryTimeout: 1 },
          ],
          backendOptions: { connections: 2 },
          options: { seed: "s", distribution: "jump" },
        },
        set_all: { west: { backends: ["w:1"] }, east: { backends: ["e:1"] } },
      },
      routes: [
        {
          conf: { mode: "prefix", stop: ":" },
          map: {
            foo: { route: "direct", child: "main" },
            bar: {
              commands: {
                set: { route: "allsync", children: "set_all" },
                get: { route: "zfailover", children: "set_all", stats: true },
              },
            },
            baz: { route: "split", childA: "main", childB: { route: "ttl", ttl: 5, child: "main" } },
          },
          cmap: { delete: { route: "null" } },
          default: { route: "failover", children: ["main", "set_all_east"], failoverCount: 2, miss: true, wait: 0.25 },
        },
        { tag: "b", default: { route: "ratelim", limit: 5, fillRate: 2, tickRate: 500, child: "main" } },
      ],
    });
    const proxy = new World(config);
    expect(proxy.ask("set foo:a 0 0 1\r\n1\r\nget foo:a\r\n")).toBe("STORED\r\nVALUE foo:a 0 1\r\n1\r\nEND\r\n");
  });

  test("reads other files, the environment, and a zone from a file", async () => {
    file("return 'fi' .. 'le'", "other.lua");
    file("east\n", "zone");
    process.env.NAGARE_TEST_PORT = "7";
    const config = await load(`
      local_zone_from_file("zone")
      pools{ [dofile("other.lua") .. require("other")] = { backends = { "h:" .. os.getenv("NAGARE_TEST_PORT") } } }
      routes{ default = route_direct{ child = "filefile" } }
    `);
    expect([config.localZone, config.pools]).toEqual(["east", { filefile: { backends: ["h:7"] } }]);
  });
});

describe("a file that cannot be used", () => {
  const limits = { time: 300, memory: 16 * 1024 * 1024 };

  test.each([
    ["loops", "while true do end", /ran for too long/],
    ["loops in a coroutine", "coroutine.wrap(function() while true do end end)()", /ran for too long/],
    ["catches its own end", "while true do pcall(function() while true do end end) end", /ran for too long/],
    ["allocates without end", "local t = {} for i = 1, 1e9 do t[i] = string.rep('x', 100000) .. i end", /memory/],
    ["throws", "\n\nerror('no pools today')", /config\d+\.lua:3: no pools today/],
    ["is no Lua", "pools{", /config\d+\.lua:1: /],
    ["names an unknown pool", "routes{ default = route_direct{ child = 'none' } }", /there is no pool "none"/],
    ["has no routes", "pools{ a = { backends = { 'h:1' } } }", /missing routes/],
    ["has a bad backend", "pools{ a = { backends = { 'h' } } } routes{ default = 'a' }", /"h" is no backend/],
    [
      "has a handler without a start function",
      "register_route_handlers{ 'mine' } pools{} routes{ default = route_mine{} }",
      /no function route_mine_start/,
    ],
    ["fails in mcp_config_pools", "function mcp_config_pools() error('no pools') end", /no pools/],
    [
      "fails in mcp_config_routes",
      "function mcp_config_pools() end function mcp_config_routes() mcp.attach(mcp.CMD_MG, 5) end",
      /Must pass a function/,
    ],
    [
      "loops in mcp_config_routes",
      "function mcp_config_pools() end function mcp_config_routes() while true do end end",
      /too long/,
    ],
    [
      "uses memcached's own cache",
      "function mcp_config_pools() end function mcp_config_routes() mcp.funcgen_new():new_handle(mcp.internal_handler) end",
      /no cache of its own/,
    ],
    ["puts a function into the data", "pools{ a = { backends = { print } } }", /contains a function/],
    ["contains itself", "local t = {} t.a = t pools(t)", /nested too deeply/],
    ["reads the disk", "io.open('/etc/passwd')", /nil value/],
  ])("%s", async (name, source, message) => {
    // Only loops are to run out of time.
    const budget = /loops|catches/.test(name) ? limits : { ...limits, time: 20_000 };
    await expect(load(source, budget).then((config) => new World(config))).rejects.toThrow(message);
  });
});

test.each([
  ["^/(%a+)/", "/foo/bar", "foo"],
  ["^/(%a+)/", "/foo1/bar", undefined],
  ["^(%w-):", "a1:b:c", "a1"],
  ["^([^:]+):", "a.b:c", "a.b"],
  ["^([%d%-]+)%.", "1-2.x", "1-2"],
  ["^(%u%L?)x", "A1x", "A1"],
  ["^(.)$", "x", "x"],
])("the pattern %s finds in %s: %s", (pattern, text, group) => {
  expect(luaPattern(pattern).exec(text)?.[1]).toBe(group);
});

test.each(["%b()", "(a)%1", "[a", "(", "%"])("the pattern %s is refused", (pattern) => {
  expect(() => luaPattern(pattern)).toThrow(/pattern/);
});
