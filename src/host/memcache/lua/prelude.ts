/**
 * The Lua side of a configuration: what memcached's libraries offer to a configuration file (`simple` and `routelib`),
 * collected as data. The routes are built from the data; handlers of a file's own run with `core/`.
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
local N, read_file, log, environment, is_late, now, date, argument = ...
N.now, N.date = now, date
local collected = { pools = {}, routes = {}, settings = N.settings, simple = { pools = {} } }

-- A file must not catch the error that ends it because its time is over.
local function rethrow(ok, ...)
  if not ok and (is_late() or N.is_over()) then error((...), 0) end
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

mcp = N.mcp
for name, value in pairs({
${COMMAND_CONSTANTS}
  CMD_ANY = ${ANY_STORAGE} + 1,
  CMD_ANY_STORAGE = ${ANY_STORAGE},
  dist_jump_hash = "jump",
  dist_ring_hash = { distribution = "ring", hash = "ketama" },
  hash_xxhash = "xxhash",
  start_arg = argument,
}) do mcp[name] = value end

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
  "direct", "allsync", "allasync", "allfastest", "majority", "replicated", "split", "failover", "zfailover", "ttl", "ratelim",
  "random", "null",
}) do
  _G["route_" .. name] = route_function(name)
end

-- Handlers of a file's own: route_NAME_conf is called when the file has run, and route_NAME_start with the built children.
local own_handlers = {}
function register_route_handlers(names)
  for _, name in pairs(names) do
    own_handlers[name] = true
    _G["route_" .. name] = route_function(name)
  end
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
function print(...)
  local words = table.pack(...)
  for i = 1, words.n do words[i] = tostring(words[i]) end
  log(table.concat(words, " "))
end
local print_ = print
function say(...)
  if is_verbose then print_(...) end
end
function dsay() end

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

-- Routes by handlers of a file's own. Their children are built by the proxy, which calls them by the numbers given here.

local is_route = function(value) return getmetatable(value) == Route end

local function stat_id(name)
  for index, each in pairs(N.stats) do
    if each == name then return index end
  end
  N.stats[#N.stats + 1] = name
  return #N.stats
end

local prepare

local function child_of(children, target, label, command)
  local route = N.new_route()
  children[tostring(route.index)] = prepare(target, label, command)
  return route
end

-- The children of a set of pools, or of a list.
local function children_of(children, value, label, command)
  if is_route(value) then return child_of(children, value, label, command) end
  if type(value) == "string" then
    if collected.pools[value] == nil or string.find(value, "^set_") == nil then
      return child_of(children, value, label, command)
    end
    local zones = {}
    for zone in pairs(collected.pools[value]) do zones[zone] = value .. "_" .. zone end
    value = zones
  end
  if type(value) ~= "table" then return value end
  local list = {}
  for name, each in pairs(value) do list[name] = child_of(children, each, label, command) end
  return list
end

local function prepare_own(value, label, command)
  local arguments = value.arguments
  local context = {
    label = function() return label end,
    cmd = function() return command end,
    local_zone = function() return collected.local_zone end,
    get_stats_id = function(_, name) return stat_id(name) end,
    get_child = function(_, child) return child end,
    pool = function(_, name) return name end,
  }
  local configure, start = _G["route_" .. value.route .. "_conf"], _G["route_" .. value.route .. "_start"]
  if type(start) ~= "function" then error("there is no function route_" .. value.route .. "_start") end
  if configure ~= nil then arguments = configure(arguments, context) end
  if arguments == nil then error("route configure function failed to return anything: " .. value.route) end
  local children = {}
  for name, each in pairs(arguments) do
    if type(name) == "string" and string.find(name, "^child") then
      arguments[name] = children_of(children, each, label, command)
    end
  end
  local generator = mcp.funcgen_new()
  start(arguments, context, generator)
  if not generator.is_ready then error("route_" .. value.route .. "_start did not make its generator ready") end
  N.generators[#N.generators + 1] = generator
  collected.has_handlers = true
  return setmetatable({ route = "lua", arguments = { generator = #N.generators, parts = children } }, Route)
end

-- Replaces routes by handlers of a file's own in a tree.
function prepare(value, label, command)
  if not is_route(value) then return value end
  if own_handlers[value.route] then return prepare_own(value, label, command) end
  for name, each in pairs(value.arguments) do
    if is_route(each) then value.arguments[name] = prepare(each, label, command)
    elseif type(each) == "table" then
      for key, child in pairs(each) do each[key] = prepare(child, label, command) end
    end
  end
  return value
end

local function prepare_commands(commands, label)
  for name, route in pairs(commands) do
    local number = mcp["CMD_" .. string.upper(tostring(name))]
    commands[name] = prepare(route, label, name == "all" and mcp.CMD_ANY_STORAGE or number or name)
  end
end

-- In the same order each time, so that counters keep theirs.
local function prepare_routes(set)
  local labels = {}
  for label in pairs(set.map or {}) do labels[#labels + 1] = label end
  table.sort(labels, function(a, b) return tostring(a) < tostring(b) end)
  for _, label in ipairs(labels) do
    local entry = set.map[label]
    if getmetatable(entry) == CommandMap then prepare_commands(entry.commands, label)
    else set.map[label] = prepare(entry, label, mcp.CMD_ANY_STORAGE) end
  end
  if set.cmap ~= nil then prepare_commands(set.cmap.commands or set.cmap, "cmdmap") end
  set.default = prepare(set.default, "default", mcp.CMD_ANY_STORAGE)
end

local function stats_list()
  local list = {}
  for index, name in pairs(N.stats) do list[#list + 1] = { index = index, name = name } end
  table.sort(list, function(a, b) return a.index < b.index end)
  return list
end

local pools_of_core -- what mcp_config_pools returned last
local function begin()
  collected.pools, collected.routes, collected.simple, collected.uses_simple = {}, {}, { pools = {} }, nil
  collected.local_zone, collected.core, collected.has_handlers, collected.stats = nil, nil, nil, nil
  own_handlers = {}
  N.pools = {}
end

local function finish()
  if mcp_config_pools ~= nil then
    pools_of_core = mcp_config_pools(pools_of_core)
    collected.core = N.pools
    collected.pools, collected.routes = {}, {}
  else
    for _, set in pairs(collected.routes) do prepare_routes(set) end
  end
  collected.stats = stats_list()
  return encode(collected, 0)
end

-- Attaches what mcp_config_routes wants. Returns the tags.
local function attach()
  return N.attach_all(function()
    if mcp_config_routes ~= nil then mcp_config_routes(pools_of_core) end
  end)
end

local unpack, byte = string.unpack, string.byte
function nagare_entry(message)
  local kind = byte(message)
  if kind == 1 then
    local number, tag, command, generator, line, has_value = unpack("<I4s4BI4s4B", message, 2)
    N.begin_request(number, tag, command, generator, line, has_value == 1)
  elseif kind == 2 then
    local call, quality, code, length, elapsed, line = unpack("<I4BI2I4I4s4", message, 2)
    N.deliver(call, quality, code, length, elapsed, line)
  else
    N.ring((unpack("<I4", message, 2)))
  end
  return N.take()
end

-- Functions that the host calls run in threads of their own, with a watch of their own.
local function timed(f)
  return function()
    N.set_hook(function()
      if is_late() then error("the configuration ran for too long", 0) end
    end, "", 100000)
    return f()
  end
end

return { begin = begin, finish = timed(finish), attach = timed(attach) }
`;
