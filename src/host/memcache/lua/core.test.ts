/** Handlers in Lua: memcached's core API, and routes that a file adds to routelib's. */

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { World } from "../../../memcache/testing/world.ts";
import { LuaConfigReader } from "./index.ts";

const folder = mkdtempSync(join(tmpdir(), "nagare-lua-core-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

let files = 0;
function file(source: string): string {
  files += 1;
  const path = join(folder, `core${files}.lua`);
  writeFileSync(path, source);
  return path;
}

const world = async (source: string): Promise<World> =>
  new World(await new LuaConfigReader([file(source)], () => {}).read());

/** Two backends, a pool of each, and a handler for all commands. */
const handled = (handler: string, more = ""): Promise<World> =>
  world(`
    function mcp_config_pools()
      mcp.add_stat(1, "counted")
      local function pool(label, port) return mcp.pool({ mcp.backend(label, "127.0.0.1", port) }) end
      return { a = pool("a", 1), b = pool("b", 2) }
    end
    function mcp_config_routes(pools)
      local generator = mcp.funcgen_new()
      local a, b = generator:new_handle(pools.a), generator:new_handle(pools.b)
      generator:ready({ n = "test", u = 2, f = function(rctx) ${more} return function(r) ${handler} end end })
      mcp.attach(mcp.CMD_ANY_STORAGE, generator)
    end`);

describe("a handler", () => {
  test("passes a request on, with its value, and the response back", async () => {
    const proxy = await handled("return rctx:enqueue_and_wait(r, a)");
    expect(proxy.ask("set k 5 0 4\r\n\xffa\r\n\r\nmg k v\r\nget k none k\r\nmg none v\r\n")).toBe(
      "STORED\r\nVA 4\r\n\xffa\r\n\r\nVALUE k 5 4\r\n\xffa\r\n\r\nVALUE k 5 4\r\n\xffa\r\n\r\nEND\r\nEN\r\n",
    );
    expect(proxy.backend("b").log).toEqual(["version"]);
  });

  test("answers with a text, or fails with memcached's words", async () => {
    const proxy = await handled(`
      local key = r:key()
      if key == "text" then return "SERVER_ERROR text\\r\\n" end
      if key == "error" then error("broken") end
      if key == "number" then return 5 end
      if key == "context" then return rctx end
    `);
    expect(proxy.ask("mg text\r\nmg error\r\nmg number\r\nmg context\r\nmg nothing\r\n")).toBe(
      `SERVER_ERROR text\r\nSERVER_ERROR lua failure\r\n${"SERVER_ERROR bad response\r\n".repeat(3)}`,
    );
  });

  test("waits for the first good response, and says how many there were", async () => {
    const proxy = await handled(`
      rctx:enqueue(r, { a, b })
      local done, is_late = rctx:wait_cond(1, mcp.WAIT_GOOD, 1)
      local res = rctx:best_result({ a, b })
      return is_late and "SERVER_ERROR late\\r\\n" or res
    `);
    proxy.backend("b").handle(new TextEncoder().encode("set k 0 0 2\r\nhi\r\n"));
    expect(proxy.ask("mg k v\r\nmg none v\r\n")).toBe("VA 2\r\nhi\r\nEN\r\n");
    proxy.set("a", "silent");
    expect(proxy.ask("mg k v\r\n")).toBe("VA 2\r\nhi\r\n");
    const client = proxy.open();
    expect(proxy.ask("mg none v\r\n", client)).toBe("");
    proxy.wait(1.1);
    expect(proxy.received(client)).toBe("SERVER_ERROR late\r\n");
  });

  test("may wait again for what was late", async () => {
    const proxy = await handled(`
      rctx:enqueue(r, a)
      local _, late = rctx:wait_handle(a, 0.5)
      local _, again = rctx:wait_handle(a, 0.5)
      rctx:sleep(0.5)
      local res = rctx:wait_handle(a)
      return late and again and res or "SERVER_ERROR early\\r\\n"
    `);
    proxy.set("a", "silent");
    const client = proxy.open();
    proxy.ask("mg k v\r\n", client);
    for (let i = 0; i < 4; i += 1) proxy.wait(0.6);
    expect(proxy.received(client)).toBe("");
    proxy.set("a", "refusing");
    expect(proxy.received(client)).toBe("SERVER_ERROR backend failure\r\n");
  });

  test("runs a callback for every response, also for those that come after its end", async () => {
    const proxy = await handled(
      "rctx:enqueue(r, { a, b }) rctx:wait_cond(0) return 'HD\\r\\n'",
      "for _, h in ipairs({ a, b }) do rctx:handle_set_cb(h, function() mcp.stat(1, 1) end) end",
    );
    expect(proxy.ask("mg k\r\nmg l\r\n")).toBe("HD\r\nHD\r\n");
    expect(proxy.ask("stats proxy\r\n")).toContain("STAT user_counted 4\r\n");
  });

  test("edits a request", async () => {
    const proxy = await handled(`
      r:ltrimkey(3)
      r:flag_set("T", 60)
      r:flag_del("k")
      r:token(3, r:token(3) == "2" and "2" or "")
      return rctx:enqueue_and_wait(r, a)
    `);
    expect(proxy.ask("ms pre/key 2 k T30 O1\r\nhi\r\n")).toBe("HD\r\n");
    expect(proxy.backend("a").log.at(-1)).toBe("ms /key 2 T60 O1");
  });

  test("makes requests and responses by mutators, and reads them by inspectors", async () => {
    const proxy = await handled(
      `
      local has_opaque, opaque = inspect(r)
      set(request, has_opaque and opaque or "none", "hi\\r\\n")
      rctx:enqueue_and_wait(request, b)
      answer(response, rctx:enqueue_and_wait(r, a), r)
      return response`,
      `
      local request, response = rctx:request_new(), rctx:response_new()
      local inspect = mcp.req_inspector_new({ t = "flagtoken", flag = "O" })
      local set = mcp.req_mutator_new({ t = "cmdset", cmd = "ms" }, { t = "keycopy", idx = 1 }, { t = "valcopy", idx = 2 })
      local answer = mcp.res_mutator_new({ t = "rescodeset", val = "HD" }, { t = "flagset", flag = "t", val = 7 },
        { t = "flagcopy", flag = "O", idx = 2 })`,
    );
    expect(proxy.ask("mg k O12\r\n")).toBe("HD t7 O12\r\n");
    expect([...proxy.backend("b").items.keys()]).toEqual(["12"]);
  });

  test("that runs for too long is ended, and cannot catch that", async () => {
    const proxy = await handled(`
      if r:key() == "loop" then while true do pcall(function() while true do end end) end end
      return rctx:enqueue_and_wait(r, a)
    `);
    expect(proxy.ask("mg loop\r\nmg k v\r\n")).toBe("SERVER_ERROR lua failure\r\nEN\r\n");
  });

  test("that allocates without end is ended", async () => {
    const proxy = await handled(`
      if r:key() == "grow" then local t = {} while true do t[#t + 1] = string.rep("x", 1000000) .. #t end end
      return rctx:enqueue_and_wait(r, a)
    `);
    expect(proxy.ask("mg grow\r\n")).toMatch(/^SERVER_ERROR (lua failure|out of memory)\r\n$/);
    expect(proxy.ask("mg k v\r\n")).toBe("EN\r\n");
  });
});

test("a generator is a handle of another one, with its own context for each request", async () => {
  const proxy = await world(`
    function mcp_config_pools() return mcp.pool({ mcp.backend("a", "127.0.0.1", 1) }) end
    function mcp_config_routes(pool)
      local inner, outer = mcp.funcgen_new(), mcp.funcgen_new()
      local a = inner:new_handle(pool)
      inner:ready({ f = function(rctx)
        local count = 0
        return function(r)
          count = count + 1
          if r:key() == "broken" then error("inside") end
          return rctx:enqueue_and_wait(r, a)
        end
      end })
      local child = outer:new_handle(inner)
      outer:ready({ f = function(rctx)
        return function(r)
          local res = rctx:enqueue_and_wait(r, child)
          return res:ok() and res or "SERVER_ERROR inner\\r\\n"
        end
      end })
      mcp.attach(mcp.CMD_ANY_STORAGE, mcp.router_new({ map = { one = outer }, default = inner }))
      mcp.attach(mcp.CMD_MD, function(r) return "HD own\\r\\n" end)
    end`);
  expect(proxy.ask("set one/k 0 0 1\r\nx\r\nmg one/k v\r\nmg broken\r\nmd one/k\r\n")).toBe(
    "STORED\r\nVA 1\r\nx\r\nSERVER_ERROR lua failure\r\nHD own\r\n",
  );
});

test("a file's own route has the proxy's routes as children, and the other way round", async () => {
  const proxy = await world(`
    register_route_handlers{ "twice" }
    function route_twice_conf(arguments, ctx)
      arguments.stat = ctx:get_stats_id(ctx:label() .. "_asked")
      return arguments
    end
    function route_twice_start(arguments, ctx, generator)
      local near, far = generator:new_handle(arguments.child), generator:new_handle(arguments.children.east)
      generator:ready({ n = ctx:label(), f = function(rctx)
        return function(r)
          mcp.stat(arguments.stat, 1)
          local res = rctx:enqueue_and_wait(r, near)
          return res:hit() and res or rctx:enqueue_and_wait(r, far)
        end
      end })
    end
    pools{
      a = { backends = { "127.0.0.1:1 a" } },
      set_z = { east = { backends = { "127.0.0.1:2 b" } } },
    }
    routes{ map = {
      x = route_twice{ child = route_failover{ children = { "a" } }, children = "set_z" },
      y = route_failover{ children = { route_twice{ child = "a", children = "set_z" } } },
    } }`);
  proxy.backend("b").handle(new TextEncoder().encode("set x/k 0 0 1\r\nb\r\nset y/k 0 0 1\r\nb\r\n"));
  expect(proxy.ask("mg x/k v\r\nmg y/k v\r\nstats proxy\r\n")).toContain(
    "VA 1\r\nb\r\nVA 1\r\nb\r\nSTAT user_x_asked 1\r\nSTAT user_y_asked 1\r\n",
  );
});

test("a file that is read again keeps its global variables and the hooks that it does not replace", async () => {
  const path = file(`
    count = (count or 0) + 1
    function mcp_config_pools(old) return { old = old, count = count } end
    function mcp_config_routes(pools)
      if count == 3 then error("third") end
      if count == 1 then mcp.attach(mcp.CMD_MD, function() return "HD first\\r\\n" end) end
      local text = "HD " .. pools.count .. "\\r\\n"
      mcp.attach(mcp.CMD_MG, function() return text end)
    end`);
  const reader = new LuaConfigReader([path], () => {});
  const proxy = new World(await reader.read());
  expect(proxy.ask("mg a\r\n")).toBe("HD 1\r\n");
  proxy.configure(await reader.read());
  expect(proxy.ask("mg a\r\nmd a\r\n")).toBe("HD 2\r\nHD first\r\n");
  const third = await reader.read();
  expect(() => proxy.configure(third)).toThrow("third");
  expect(proxy.ask("mg a\r\n")).toBe("HD 2\r\n");
});
