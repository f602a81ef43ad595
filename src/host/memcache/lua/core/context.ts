/**
 * Function generators and request contexts: a handler runs as a coroutine, queues requests on handles, and waits. A context is
 * made for one request at a time and used again; a handle to another generator has a context of its own in each slot.
 *
 * Nothing here calls the proxy. What a handler wants is collected as commands, which the call from the proxy returns.
 */

export const CONTEXT = `
local N = ...
local mcp, emit = N.mcp, N.emit
local create, resume, yield = coroutine.create, N.resume, coroutine.yield
local setmetatable, getmetatable, type = setmetatable, getmetatable, type

-- States of a handle.
local IDLE <const>, QUEUED <const>, ACTIVE <const>, COMPLETE <const>, WAITED <const> = 0, 1, 2, 3, 4
-- What a context waits for; the first four are the modes of wait_cond.
local ANY <const>, OK <const>, GOOD <const>, FASTGOOD <const>, HANDLE <const>, SLEEP <const> = 1, 2, 3, 4, 5, 6
local RES_GOOD <const>, RES_OK <const>, RES_ANY <const> = 8, 16, 32
N.HANDLE, N.SLEEP = HANDLE, SLEEP
mcp.WAIT_ANY, mcp.WAIT_OK, mcp.WAIT_GOOD, mcp.WAIT_FASTGOOD, mcp.WAIT_RESUME = ANY, OK, GOOD, FASTGOOD, true
mcp.RES_GOOD, mcp.RES_OK, mcp.RES_ANY = RES_GOOD, RES_OK, RES_ANY

local Context = { __name = "mcp.rcontext" }
Context.__index = Context
local Generator = { __name = "mcp.funcgen" }
Generator.__index = Generator
N.Generator, N.Context = Generator, Context

-- Yields of a coroutine.
local DONE <const>, WAIT <const> = {}, {}
N.WAIT = WAIT

local calls = {} -- by the number of the call: a context and its handle
local alarms = {} -- by number: the context that waits
local next_call, next_alarm = 0, 0
-- Contexts whose turn comes before the call from the proxy returns.
local later, later_count = {}, 0
local counts = N.counts

local new_context

function mcp.funcgen_new()
  return setmetatable({ handles = {}, count = 0, free = {}, is_ready = false }, Generator)
end

function Generator:new_handle(target)
  if self.is_ready then error("cannot modify function generator after calling ready", 2) end
  local kind = getmetatable(target)
  if kind == Generator then
    if target.router ~= nil then error("cannot assign a router to a handle in new_handle", 2) end
  elseif target == mcp.internal_handler then
    error("the proxy has no cache of its own: mcp.internal_handler is not supported", 2)
  elseif kind ~= N.Pool then
    error("invalid argument to new_handle", 2)
  end
  local handle = self.count
  self.handles[handle] = target
  self.count = handle + 1
  return handle
end

function Generator:ready(options)
  if self.is_ready then error("cannot modify function generator after calling ready", 2) end
  if type(options) ~= "table" or type(options.f) ~= "function" then
    error("Must specify generator function ('f') to fgen:ready", 2)
  end
  if options.u ~= nil and (math.type(options.u) ~= "integer" or options.u < 1 or options.u > 255) then
    error("user obj ('u') in fgen:ready must be between 1 and 255", 2)
  end
  self.f, self.a, self.objects = options.f, options.a, options.u or 0
  self.name = type(options.n) == "string" and options.n or "anonymous"
  self.free[1] = new_context(self)
  counts.functions[self.name] = (counts.functions[self.name] or 0) + 1
  self.is_ready = true
  return self
end

function N.bare_generator(f)
  local generator = mcp.funcgen_new()
  return generator:ready({ f = function() return f end })
end

local function body(f)
  local request = yield()
  while true do request = yield(DONE, f(request)) end
end

local function arm(context)
  context.co = create(body)
  resume(context.co, context.f)
end

function new_context(generator)
  local slots = {}
  local context = setmetatable(
    { generator = generator, slots = slots, count = generator.count, pending = 0, mode = 0, wanted = 0, done = 0, objects = 0 },
    Context)
  for handle = 0, generator.count - 1 do
    local target = generator.handles[handle]
    local slot = { state = IDLE, flags = 0, target = target }
    if getmetatable(target) == Generator then
      local child = N.take_context(target)
      child.parent, child.parent_handle = context, handle
      slot.child = child
    end
    slots[handle] = slot
  end
  local f = generator.f(context, generator.a)
  if type(f) ~= "function" then error("function generator didn't return a function", 0) end
  context.f = f
  counts.slots[generator.name or "anonymous"] = (counts.slots[generator.name or "anonymous"] or 0) + 1
  arm(context)
  return context
end

function N.take_context(generator)
  local free = generator.free
  local count = #free
  if count == 0 then return new_context(generator) end
  local context = free[count]
  free[count] = nil
  return context
end

local MAX_FREE <const> = 512

local function reset(context)
  context.mode, context.wanted, context.finished = 0, 0, nil
  for handle = 0, context.count - 1 do
    local slot = context.slots[handle]
    slot.state, slot.flags, slot.request, slot.response = IDLE, 0, nil, nil
    if slot.child ~= nil then reset(slot.child) end
  end
end

-- Gives back a context once its handler has ended and nothing is on its way.
local function release(context)
  if context.pending ~= 0 then return end
  local parent = context.parent
  if parent ~= nil then
    parent.pending = parent.pending - 1
    if parent.pending == 0 then release(parent) end
    return
  end
  emit("<BI4", N.RELEASE, context.slot)
  reset(context)
  local free = context.generator.free
  if #free < MAX_FREE then free[#free + 1] = context
  else counts.slots[context.generator.name] = counts.slots[context.generator.name] - 1 end
end

local function stop_alarm(context)
  if context.alarm ~= nil then
    alarms[context.alarm] = nil
    emit("<BI4", N.CANCEL, context.alarm)
    context.alarm = nil
  end
end

local run, process_wait

function N.soon(context, handle)
  later_count = later_count + 1
  later[later_count] = { context, handle }
end

-- The response of a handle has come. A callback may call it better than it is, or enough.
local function complete(context, handle, response)
  local slot = context.slots[handle]
  slot.state, slot.response = COMPLETE, response
  local flag = RES_ANY
  local must_resume = false
  if response.is_ok then flag = response.status ~= mcp.MCMC_CODE_END and RES_GOOD or RES_OK end
  if slot.callback ~= nil then
    N.begin_budget()
    local ok, mode, shortcut = pcall(slot.callback, response, slot.request)
    if not ok then N.report(mode)
    elseif math.type(mode) == "integer" then
      if mode == GOOD then flag = RES_GOOD elseif mode == OK then flag = RES_OK end
      must_resume = shortcut and true or false
    end
  end
  slot.flags, slot.must_resume, slot.is_error = flag, must_resume, not response.is_ok
end

local function end_child(context, value)
  local parent, handle = context.parent, context.parent_handle
  local slot = parent.slots[handle]
  if getmetatable(value) == N.Response then complete(parent, handle, value)
  elseif type(value) == "string" then
    slot.state, slot.response, slot.flags = COMPLETE, value, RES_ANY
  else
    complete(parent, handle, N.failed_response())
  end
end

local function end_top(context, value)
  local number = context.slot
  if type(value) == "string" then emit("<BI4s4", N.TEXT, number, value)
  elseif getmetatable(value) == N.Response then
    if value.composed ~= nil then emit("<BI4s4", N.TEXT, number, value.composed)
    elseif value.is_edited or value.value_of ~= nil then
      local from = value.value_of or value
      emit("<BI4I4s4", N.COMPOSED, number, from.call, value.text .. "\\r\\n")
    elseif value.text == nil then emit("<BI4B", N.FAILURE, number, N.BAD_RESPONSE)
    else emit("<BI4I4", N.ANSWER, number, value.call) end
  else
    emit("<BI4B", N.FAILURE, number, N.BAD_RESPONSE)
  end
end

local function dispatch(context, handle)
  local slot = context.slots[handle]
  if slot.state == QUEUED then
    slot.state = ACTIVE
    context.pending = context.pending + 1
    local child = slot.child
    if child ~= nil then
      child.slot, child.pending = context.slot, 1
      run(child, slot.request)
      return
    end
    next_call = next_call % 0x7fffffff + 1
    calls[next_call] = { context, handle }
    local request = slot.request
    local kind = request.value_kind
    local value, text = 0, ""
    if kind == N.RESPONSE_VALUE then value = request.value.call
    elseif kind == N.TEXT_VALUE then text = request.value end
    local line = request.is_edited and request.line or ""
    emit("<BI4I4I4BI4s4s4", N.SEND, context.slot, next_call, slot.target.index, kind, value, line, text)
  elseif slot.state == COMPLETE and context.wanted > 0 then
    process_wait(context, handle)
  end
end

-- Runs the handler until it waits or ends.
function run(context, ...)
  N.begin_budget()
  local ok, kind, value = resume(context.co, ...)
  if ok and kind == WAIT then
    if context.mode ~= SLEEP then
      for handle = 0, context.count - 1 do dispatch(context, handle) end
    end
    return
  end
  local parent = context.parent
  if not ok then
    N.report(kind)
    arm(context)
    value = nil
  end
  stop_alarm(context)
  context.finished = true
  if parent ~= nil then
    end_child(context, value)
    -- The parent is told later: it may be in the middle of starting this one.
    N.soon(context, false)
    return
  end
  if ok then end_top(context, value) else emit("<BI4B", N.FAILURE, context.slot, N.LUA_FAILURE) end
  context.pending = context.pending - 1
  release(context)
end

function process_wait(context, handle)
  local slot = context.slots[handle]
  local mode, flags = context.mode, slot.flags
  if mode == 0 or mode == SLEEP then return end
  local must_resume = slot.must_resume
  local is_counted = false
  if mode == GOOD then is_counted = flags == RES_GOOD
  elseif mode == OK then is_counted = flags == RES_GOOD or flags == RES_OK
  elseif mode == ANY then is_counted = true
  elseif mode == FASTGOOD then
    is_counted = flags == RES_GOOD or flags == RES_OK
    must_resume = must_resume or flags == RES_GOOD
  else
    is_counted = handle == context.awaited
  end
  if is_counted then
    context.done = context.done + 1
    slot.state = WAITED
  end
  if context.done == context.wanted or context.pending == 1 then must_resume = true
  elseif slot.is_error then
    slot.state = WAITED
    local is_possible = false
    for i = 0, context.count - 1 do
      local state = context.slots[i].state
      if state ~= IDLE and state ~= WAITED then is_possible = true end
    end
    must_resume = must_resume or not is_possible
  end
  if not must_resume then return end
  stop_alarm(context)
  context.wanted, context.mode = 0, 0
  if mode == HANDLE then run(context, context.slots[context.awaited].response)
  else run(context, context.done) end
end

-- A pending request of a context has ended.
local function settle(context, handle)
  context.pending = context.pending - 1
  if context.wanted > 0 then process_wait(context, handle)
  elseif context.finished or context.pending == 0 then release(context) end
end

local function run_later()
  local i = 1
  while i <= later_count do
    local context, handle = later[i][1], later[i][2]
    later[i] = nil
    i = i + 1
    if handle == false then
      -- A child's handler has ended. Requests that it did not wait for may still be on their way.
      local parent = context.parent
      local waits = parent.wanted > 0
      context.pending = context.pending - 1
      if context.pending == 0 then parent.pending = parent.pending - 1 end
      if waits then process_wait(parent, context.parent_handle)
      elseif parent.pending == 0 then release(parent) end
    else
      -- wait_cond(0) has started everything.
      context.pending = context.pending - 1
      run(context, 0)
    end
  end
  later_count = 0
end

function N.set_alarm(context, seconds)
  if type(seconds) ~= "number" then error("timeout argument to wait or sleep must be a number", 3) end
  next_alarm = next_alarm % 0x7fffffff + 1
  alarms[next_alarm] = context
  context.alarm = next_alarm
  emit("<BI4d", N.ALARM, next_alarm, seconds)
end

-- What the proxy calls.

function N.begin(generator, number, line, has_value)
  local ok, context = pcall(N.take_context, generator)
  if not ok then
    N.report(context)
    emit("<BI4B", N.FAILURE, number, N.START_FAILURE)
    emit("<BI4", N.RELEASE, number)
    return
  end
  context.slot, context.pending = number, 1
  run(context, N.new_request(number, line, has_value))
  run_later()
end

function N.deliver(call, quality, code, length, elapsed, line)
  local entry = calls[call]
  if entry == nil then return end
  calls[call] = nil
  local context, handle = entry[1], entry[2]
  complete(context, handle, N.new_response(call, quality, code, length, elapsed, line))
  settle(context, handle)
  run_later()
end

function N.ring(number)
  local context = alarms[number]
  if context == nil then return end
  alarms[number] = nil
  context.alarm = nil
  local mode = context.mode
  context.wanted, context.mode = 0, 0
  if mode == SLEEP then run(context, true)
  elseif mode == HANDLE then run(context, nil, true)
  else run(context, context.done, true) end
  run_later()
end
`;
