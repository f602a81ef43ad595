/**
 * The Lua side of a configuration: what memcached's libraries offer to a configuration file (`simple` and `routelib`),
 * collected as data. Nothing here runs while requests are served; the routes are built from the data.
 */

import { COMMANDS } from "../../../memcache/protocol/command.ts";

const COMMAND_CONSTANTS = Object.entries(COMMANDS)
  .map(([name, command]) => `  CMD_${name.toUpperCase()} = ${command},`)
  .join("\n");

const COMMAND_NAMES = Object.entries(COMMANDS)
  .map(([name, command]) => `  [${command}] = "${name}",`)
  .join("\n");

/** Commands that stand for all commands that have a key. */
const ANY_STORAGE = 1000;

export const PRELUDE = `
local read_file, log, environment, is_late = ...
local collected = { pools = {}, routes = {}, settings = {}, simple = { pools = {} } }

-- A file must not catch the error that ends it because its time is over.
local function rethrow(ok, ...)
  if not ok and is_late() then error((...), 0) end
  return ok, ...
end
do
  local pcall_, xpcall_, resume = pcall, xpcall, coroutine.resume
  function pcall(...) return rethrow(pcall_(...)) end
  function xpcall(...) return rethrow(xpcall_(...)) end
  function coroutine.resume(...) return rethrow(resume(...)) end
end

local COMMAND_NAMES <const> = {
${COMMAND_NAMES}
  [${ANY_STORAGE}] = "all",
}

mcp = {
${COMMAND_CONSTANTS}
  CMD_ANY_STORAGE = ${ANY_STORAGE},
  dist_jump_hash = "jump",
  dist_ring_hash = { distribution = "ring", hash = "ketama" },
  hash_xxhash = "xxhash",
}

-- Global settings: mcp.backend_read_timeout(3) and so on.
for _, name in ipairs({
  "backend_connect_timeout", "backend_read_timeout", "backend_retry_timeout", "backend_retry_waittime",
  "backend_failure_limit", "backend_depth_limit", "backend_flap_time", "backend_flap_backoff_ramp",
  "backend_flap_backoff_max", "backend_use_tls", "backend_use_iothread", "active_req_limit",
  "buffer_memory_limit", "tcp_keepalive", "stat_limit",
}) do
  mcp[name] = function(value) collected.settings[name] = value end
end
mcp.init_tls = function() end
mcp.log = function(text) log(tostring(text)) end

local function command_name(key)
  local name = math.type(key) == "integer" and COMMAND_NAMES[key] or key
  if type(name) ~= "string" then error("unknown command in a command map: " .. tostring(key), 3) end
  return name
end

-- routelib

local Route = {}
local CommandMap = {}

local function route_function(name)
  return function(arguments)
    return setmetatable({ route = name, arguments = arguments or {} }, Route)
  end
end
for _, name in ipairs({
  "direct", "allsync", "allasync", "allfastest", "majority", "split", "failover", "zfailover", "ttl", "ratelim",
  "random", "null",
}) do
  _G["route_" .. name] = route_function(name)
end

function register_route_handlers(names)
  error("route handlers written in Lua are not supported: " .. table.concat(names, ", "), 2)
end

function settings(values)
  for name, value in pairs(values) do collected.settings[name] = value end
end

function pools(values)
  for name, value in pairs(values) do collected.pools[name] = value end
end

function routes(values)
  collected.routes[values.tag or ""] = values
end

function cmdmap(values)
  local commands = {}
  for key, value in pairs(values) do commands[command_name(key)] = value end
  return setmetatable({ commands = commands }, CommandMap)
end

function local_zone(zone)
  if zone == nil then return collected.local_zone end
  collected.local_zone = zone
end

function local_zone_from_env(name)
  local zone = environment(name)
  if zone == nil then error("the environment has no variable " .. name .. " for the local zone", 2) end
  collected.local_zone = zone
end

function local_zone_from_file(path)
  local zone = string.match(read_file(path), "^[^\\r\\n]+")
  if zone == nil then error("the file " .. path .. " names no local zone", 2) end
  collected.local_zone = zone
end

local is_verbose = false
function verbose(value) is_verbose = value end
function debug(value) is_verbose = is_verbose or value end
function say(...)
  if not is_verbose then return end
  local words = table.pack(...)
  for i = 1, words.n do words[i] = tostring(words[i]) end
  log(table.concat(words, " "))
end
dsay = function() end
print = function(...)
  local before = is_verbose
  is_verbose = true
  say(...)
  is_verbose = before
end

-- simple

local simple = {}
function simple.pool(values)
  if type(values.name) ~= "string" then error("a pool needs a name", 2) end
  collected.simple.pools[values.name] = values
  collected.uses_simple = true
end
function simple.router(values) collected.simple.router = values end
function simple.my_zone(zone) collected.local_zone = zone end
simple.verbose, simple.say = verbose, say
pool, router, my_zone = simple.pool, simple.router, simple.my_zone

local routelib = { pools = pools, routes = routes, settings = settings, cmdmap = cmdmap }
for _, name in ipairs({ "simple", "lib/simple", "lib.simple" }) do
  package.preload[name] = function() return simple end
end
for _, name in ipairs({ "routelib", "lib/routelib", "lib.routelib" }) do
  package.preload[name] = function() return routelib end
end

-- Other files are read by the proxy: this interpreter sees no file system.
local function load_path(path)
  return load(read_file(path), "@" .. path)
end
function loadfile(path) return load_path(path) end
function dofile(path)
  local chunk, problem = load_path(path)
  if chunk == nil then error(problem, 2) end
  return chunk()
end
package.searchers = {
  package.searchers[1],
  function(name)
    local path = string.gsub(name, "%.", "/") .. ".lua"
    local ok, source = pcall(read_file, path)
    if not ok then return "\\n\\tno file '" .. path .. "'" end
    return assert(load(source, "@" .. path))
  end,
}
io, os.execute, os.remove, os.rename, os.exit, os.tmpname = nil, nil, nil, nil, nil, nil
os.getenv = environment

-- Data for the proxy, as JSON. Names are sorted, so that the same file always gives the same routes.

local MAX_DEPTH <const> = 40
local encode

local function quote(text)
  return '"' .. string.gsub(text, '[%c"\\\\\\128-\\255]', function(character)
    return string.format("\\\\u%04x", string.byte(character))
  end) .. '"'
end

local function encode_table(value, depth)
  if depth > MAX_DEPTH then error("the configuration is nested too deeply, or contains itself") end
  if #value > 0 or next(value) == nil then
    local parts = {}
    for i = 1, #value do parts[i] = encode(value[i], depth + 1) end
    if #value > 0 then
      for key in pairs(value) do
        if math.type(key) ~= "integer" or key < 1 or key > #value then
          error("a table has both a list and names: " .. tostring(key))
        end
      end
    end
    return "[" .. table.concat(parts, ",") .. "]"
  end
  local names, values = {}, {}
  for key, each in pairs(value) do
    local name = math.type(key) == "integer" and (COMMAND_NAMES[key] or tostring(key)) or tostring(key)
    names[#names + 1] = name
    values[name] = each
  end
  table.sort(names)
  for i, name in ipairs(names) do names[i] = quote(name) .. ":" .. encode(values[name], depth + 1) end
  return "{" .. table.concat(names, ",") .. "}"
end

function encode(value, depth)
  local kind = type(value)
  if kind == "string" then return quote(value) end
  if kind == "boolean" then return tostring(value) end
  if kind == "number" then
    if value ~= value or value == math.huge or value == -math.huge then error("a number is not finite") end
    return math.type(value) == "integer" and tostring(value) or string.format("%.17g", value)
  end
  if kind == "table" then return encode_table(value, depth) end
  error("the configuration contains a " .. kind .. ", where data is expected")
end

return function()
  if mcp_config_pools ~= nil or mcp_config_routes ~= nil then
    error("mcp_config_pools and mcp_config_routes are not supported: use routelib's pools{} and routes{}")
  end
  return encode(collected, 0)
end
`;
