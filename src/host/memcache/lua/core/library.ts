/** The rest of the table `mcp`: backends, pools, routers, rate limits, statistics, logs, and what is attached to which command. */

import { COMMANDS, LAST_STORAGE_COMMAND } from "../../../../memcache/protocol/command.ts";
import { CODES } from "../../../../memcache/protocol/response.ts";

const commandNumbers = Object.entries(COMMANDS)
  .filter(([, command]) => command <= LAST_STORAGE_COMMAND)
  .map(([name, command]) => `${name} = ${command}`)
  .join(", ");

const codeConstants = Object.entries(CODES)
  .map(([name, code]) => `mcp.MCMC_CODE_${name.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()} = ${code}`)
  .join("\n");

/** Words of responses with their codes. */
const RESPONSE_WORDS: Readonly<Record<string, number>> = {
  HD: CODES.ok,
  VA: CODES.ok,
  OK: CODES.ok,
  EN: CODES.end,
  END: CODES.end,
  EX: CODES.exists,
  NF: CODES.notFound,
  NS: CODES.notStored,
  NOT_FOUND: CODES.notFound,
  NOT_STORED: CODES.notStored,
  STORED: CODES.stored,
  ERROR: CODES.error,
  CLIENT_ERROR: CODES.clientError,
  SERVER_ERROR: CODES.serverError,
};

/** What the library's parts share; it runs first. */
export const SHARED = `
local N = ...
local mcp = N.mcp
N.COMMANDS = { ${commandNumbers} }
N.CODES = { ${Object.entries(RESPONSE_WORDS)
  .map(([word, code]) => `${word} = ${code}`)
  .join(", ")} }
${codeConstants}
mcp.MCMC_ERR, mcp.P_OK = -1, 0
N.counts = { functions = {}, slots = {} }

-- Commands for the proxy, as bytes.
local out, count = {}, 0
local pack = string.pack
function N.emit(...)
  count = count + 1
  out[count] = pack(...)
end
function N.take()
  local taken = count
  if taken == 0 then return "" end
  local bytes = table.concat(out, "", 1, taken)
  -- A collection of garbage may have added more meanwhile.
  table.move(out, taken + 1, count, 1)
  count = count - taken
  return bytes
end
N.SEND, N.ANSWER, N.TEXT, N.FAILURE, N.COMPOSED, N.ALARM, N.CANCEL, N.LOG, N.STAT, N.RELEASE, N.LOG_REQUEST,
  N.FORGET = 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12
N.LUA_FAILURE, N.BAD_RESPONSE, N.START_FAILURE = 1, 2, 3

function N.report(problem) N.emit("<BBs4", N.LOG, 0, tostring(problem)) end

-- A handler that runs for too long is ended, and cannot catch the error that ends it.
local STEP <const>, MAX_STEPS <const> = 100000, 200
local steps = 0
local function watch()
  steps = steps + 1
  if steps > MAX_STEPS then error("the handler ran for too long", 0) end
end
function N.is_over() return steps > MAX_STEPS end
function N.begin_budget() steps = 0 end
local resume, set_hook = coroutine.resume, debug.sethook
N.set_hook = set_hook
local hooked = setmetatable({}, { __mode = "k" })
function N.resume(co, ...)
  if not hooked[co] then
    hooked[co] = true
    set_hook(co, watch, "", STEP)
  end
  return resume(co, ...)
end
`;

export const LIBRARY = `
local N = ...
local settings = N.settings
local mcp, emit, find, sub = N.mcp, N.emit, string.find, string.sub

-- Backends and pools are made by the proxy when the file has run.

local Backend = { __name = "mcp.backend" }
local Pool = { __name = "mcp.pool" }
Pool.__gc = function(self) emit("<BI4", N.FORGET, self.index) end
N.Pool = Pool
N.pools = {}
local last_route = 0

-- Something that the proxy routes to by its number: a pool, or a route that the proxy has built.
function N.new_route()
  last_route = last_route + 1
  return setmetatable({ index = last_route }, Pool)
end

local SETTING_OF <const> = {
  connecttimeout = "backend_connect_timeout", readtimeout = "backend_read_timeout",
  retrytimeout = "backend_retry_timeout", failurelimit = "backend_failure_limit",
  depthlimit = "backend_depth_limit", flaptime = "backend_flap_time", flapbackofframp = "backend_flap_backoff_ramp",
  flapbackoffmax = "backend_flap_backoff_max", tls = "backend_use_tls", tcpkeepalive = "tcp_keepalive",
}

function mcp.backend(label, host, port)
  local given = label
  if type(label) ~= "table" then given = { label = label, host = host, port = port } end
  if type(given.host) ~= "string" then error("backend must have a host argument", 2) end
  if given.label == nil then error("backend must have a label argument", 2) end
  local options = {}
  for name, setting in pairs(SETTING_OF) do options[name] = settings[setting] end
  options.retrytimeout = settings.backend_retry_waittime or options.retrytimeout
  for name, value in pairs(given) do
    if type(name) == "string" and type(value) ~= "table" then options[name] = value end
  end
  if given.log ~= nil then
    options.log = { rate = given.log.rate, errors = given.log.errors, deadline = given.log.deadline, tag = given.log.tag }
  end
  options.port = tostring(options.port or "11211")
  return setmetatable({ options = options }, Backend)
end

function mcp.pool(backends, options)
  if type(backends) ~= "table" then error("argument to mcp.pool must be a table", 2) end
  local list = {}
  for i, backend in ipairs(backends) do
    if getmetatable(backend) ~= Backend then error("argument to mcp.pool must be a list of backends", 2) end
    list[i] = backend.options
  end
  local chosen
  if options ~= nil then
    chosen = {}
    for _, name in ipairs({ "dist", "hash", "filter", "filter_conf", "seed", "omode", "obuckets" }) do
      chosen[name] = options[name]
    end
    if next(chosen) == nil then chosen = nil end
  end
  local pool = N.new_route()
  N.pools[#N.pools + 1] = { index = pool.index, backends = list, options = chosen }
  return pool
end

mcp.internal_handler = setmetatable({}, { __name = "mcp.internal_be" })
function mcp.internal() error("the proxy has no cache of its own: mcp.internal is not supported", 2) end

-- Routers

local function check_commands(map)
  for command, generator in pairs(map) do
    if math.type(command) ~= "integer" then error("Non integer key in router command map in router_new", 3) end
    if command ~= mcp.CMD_ANY_STORAGE and (command < 1 or command > ${LAST_STORAGE_COMMAND}) then
      error("Bad command in router command map in router_new", 3)
    end
    if getmetatable(generator) ~= N.Generator then error("mcp.funcgen expected in router_new", 3) end
  end
end

local function check_separator(options, name)
  local text = options[name]
  if text == nil then return nil end
  if type(text) ~= "string" then error("must pass a string to " .. name .. " in mcp.router_new", 3) end
  if text == "" then error("must pass a non-zero length string to " .. name .. " in mcp.router_new", 3) end
  if #text > 5 then error(name .. " is too long in mcp.router_new", 3) end
  return text
end

function mcp.router_new(options)
  if type(options) ~= "table" then error("Must pass a table of arguments to mcp.router_new", 2) end
  local map, commands = options.map, options.cmap
  if map == nil and commands == nil then error("Must pass map and/or cmap to mcp.router_new", 2) end
  if map ~= nil and type(map) ~= "table" then error("Must pass a table to map argument of router_new", 2) end
  if commands ~= nil and type(commands) ~= "table" then error("Must pass a table to cmap argument of router_new", 2) end
  for _, entry in pairs(map or {}) do
    if getmetatable(entry) ~= N.Generator then
      if type(entry) ~= "table" then error("unhandled data in router_new map", 2) end
      check_commands(entry)
    end
  end
  check_commands(commands or {})
  local mode = options.mode or "prefix"
  local start, stop = check_separator(options, "start"), check_separator(options, "stop")
  if mode == "anchor" then
    if (start == nil) ~= (stop == nil) then
      error("must specify start and stop if mode is anchor in mcp.router_new", 2)
    end
    start, stop = start or "/", stop or "/"
  elseif mode == "prefix" then start, stop = "", stop or "/"
  else error("unknown type passed to mcp.router_new", 2) end
  local router = mcp.funcgen_new()
  router.is_ready, router.name = true, "mcp_router"
  router.router = { map = map, commands = commands or {}, default = options.default, start = start, stop = stop }
  N.counts.functions.mcp_router = (N.counts.functions.mcp_router or 0) + 1
  return router
end

-- The generator that a router chooses for a key and a command.
local function route_of(router, key, command)
  local map = router.map
  if map ~= nil and key ~= nil then
    local start = router.start
    local length = #start
    if length == 0 or sub(key, 1, length) == start then
      local stop = find(key, router.stop, length + 1, true)
      local entry = stop ~= nil and stop > length + 1 and map[sub(key, length + 1, stop - 1)] or nil
      if entry ~= nil then
        if getmetatable(entry) == N.Generator then return entry end
        local chosen = entry[command] or entry[mcp.CMD_ANY_STORAGE]
        if chosen ~= nil then return chosen end
      end
    end
  end
  return router.commands[command] or router.default
end

-- Hooks by tag and command. Those of an earlier configuration stay until they are replaced.

local hooks, attaching = {}, nil

function mcp.attach(command, target, tag)
  if attaching == nil then error("mcp.attach can only be called by mcp_config_routes", 2) end
  if type(target) == "function" then target = N.bare_generator(target)
  elseif getmetatable(target) ~= N.Generator then error("Must pass a function to mcp.attach", 2)
  elseif not target.is_ready then error("Must pass a ready function generator to mcp.attach", 2) end
  if tag ~= nil and (type(tag) ~= "string" or #tag < 1 or #tag > 8) then
    error("mcp.attach: tag must be between 1 and 8 characters", 2)
  end
  command = math.tointeger(command)
  if command == nil then error("mcp.attach: bad command", 2) end
  local of_tag = attaching[tag or ""] or {}
  attaching[tag or ""] = of_tag
  if command == mcp.CMD_ANY_STORAGE then
    for each = 1, ${LAST_STORAGE_COMMAND} do of_tag[each] = target end
  elseif command >= 1 and command <= ${LAST_STORAGE_COMMAND} then of_tag[command] = target
  else error("mcp.attach: bad command", 2) end
end

-- Runs a function that attaches; its hooks count from then on, unless it fails. Returns the tags, separated by spaces.
function N.attach_all(run)
  attaching = {}
  for tag, of_tag in pairs(hooks) do
    attaching[tag] = {}
    for command, target in pairs(of_tag) do attaching[tag][command] = target end
  end
  local ok, problem = pcall(run)
  local attached = attaching
  attaching = nil
  if not ok then error(problem, 0) end
  hooks = attached
  local tags = {}
  for tag in pairs(hooks) do tags[#tags + 1] = tag end
  table.sort(tags)
  return table.concat(tags, " ")
end

local function generator_of(tag, command)
  local of_tag = hooks[tag]
  local target = of_tag and of_tag[command]
  if target == nil and tag ~= "" then target = hooks[""] and hooks[""][command] end
  return target
end

N.generators = {} -- by number: those of handlers that are parts of the proxy's own routes

-- Begins a request, and returns without a handler if there is none.
function N.begin_request(number, tag, command, generator, line, has_value)
  local target
  if generator > 0 then target = N.generators[generator] else target = generator_of(tag, command) end
  if target ~= nil and target.router ~= nil then
    local has_time = command == N.COMMANDS.gat or command == N.COMMANDS.gats
    local key = string.match(line, has_time and "^ *[^ ]+ +[^ ]+ +([^ ]+)" or "^ *[^ ]+ +([^ ]+)")
    target = route_of(target.router, key, command)
  end
  if target == nil then
    emit("<BI4B", N.FAILURE, number, N.START_FAILURE)
    emit("<BI4", N.RELEASE, number)
    return
  end
  N.begin(target, number, line, has_value)
end

-- Statistics

N.stats = {}
function mcp.add_stat(index, name)
  if math.type(index) ~= "integer" or index < 1 then error("stat index must be 1 or higher", 2) end
  if index > (settings.stat_limit or 1024) then error("stat index must be stat_limit or less", 2) end
  if type(name) ~= "string" then error("stat name must be a string", 2) end
  if #name > 127 then error("stat name too long", 2) end
  if find(name, "[%s]") then error("stat cannot contain spaces or control characters", 2) end
  N.stats[index] = name
end
function mcp.stat(index, change) emit("<BI4d", N.STAT, index, change) end

-- Time, logs, rate limits

function mcp.log(text) emit("<BBs4", N.LOG, 1, tostring(text)) end

local function log_request(request, response, detail, client)
  local is_answer = getmetatable(response) == N.Response
  emit("<BI4I4s4s4s4", N.LOG_REQUEST, is_answer and response.call or 0, is_answer and response.time or 0,
    detail or "", request.line, tostring(client or 0))
end
function mcp.log_req(request, response, detail, client) log_request(request, response, detail, client) end
function mcp.log_reqsample(milliseconds, rate, all_errors, request, response, detail, client)
  local is_answer = getmetatable(response) == N.Response
  if (all_errors and is_answer and not response.is_ok)
    or (milliseconds > 0 and is_answer and response.time > milliseconds * 1000)
    or (rate > 0 and math.random(rate) == 1) then
    log_request(request, response, detail, client)
  end
end

function mcp.time_mono_millis() return math.floor(N.now()) end
function mcp.time_real_millis() return math.floor(N.date()) end

local function bucket(options)
  if type(options) ~= "table" then error("a rate limit needs a table", 3) end
  local limit, fill, tick = options.limit, options.fillrate, options.tickrate or 1000
  if type(limit) ~= "number" or type(fill) ~= "number" then error("a rate limit needs limit and fillrate", 3) end
  local tokens, updated = limit, nil
  return function(taken)
    local now = N.now()
    updated = updated or now
    if now - updated > tick then
      local ticks = (now - updated) // tick
      updated = updated + ticks * tick
      tokens = math.min(limit, tokens + ticks * fill)
    end
    if tokens <= taken then return false end
    tokens = tokens - taken
    return true
  end
end
function mcp.ratelim_tbf(options) return bucket(options) end
function mcp.ratelim_global_tbf(options) return bucket(options) end

function mcp.register_cron(name) error("mcp.register_cron is not supported: " .. tostring(name), 2) end
function mcp.schedule_config_reload() error("mcp.schedule_config_reload is not supported", 2) end
`;
