/** The methods of a request context: what a handler queues, waits for, and finds. */

export const METHODS = `
local N = ...
local mcp, Context, WAIT, set_alarm, soon = N.mcp, N.Context, N.WAIT, N.set_alarm, N.soon
local yield, rawlen, type = coroutine.yield, rawlen, type
local IDLE <const>, QUEUED <const> = 0, 1
local ANY <const>, OK <const>, GOOD <const>, FASTGOOD <const> = mcp.WAIT_ANY, mcp.WAIT_OK, mcp.WAIT_GOOD, mcp.WAIT_FASTGOOD
local HANDLE <const>, SLEEP <const> = N.HANDLE, N.SLEEP
local RES_GOOD <const>, RES_OK <const> = mcp.RES_GOOD, mcp.RES_OK

local function check_handle(context, handle)
  handle = math.tointeger(handle)
  if handle == nil or handle < 0 or handle >= context.count then error("invalid handle", 3) end
  return context.slots[handle], handle
end

local function enqueue(context, request, handle)
  local slot = check_handle(context, handle)
  if slot.state ~= IDLE then return end
  slot.state, slot.request = QUEUED, request
end

local function check_request(context, request)
  if context.mode ~= 0 then error("cannot enqueue new requests while in a wait", 3) end
  if getmetatable(request) ~= N.Request then error("mcp.request expected", 3) end
  if request.line == nil then error("cannot queue requests without a key", 3) end
end

function Context:enqueue(request, handles)
  check_request(self, request)
  if type(handles) == "number" then enqueue(self, request, handles)
  elseif type(handles) == "table" then
    for i = 1, rawlen(handles) do enqueue(self, request, handles[i]) end
  else
    error("must pass a handle or a table to queue", 2)
  end
end

local function wait_for(context, handle)
  context.done, context.wanted, context.mode, context.awaited = 0, 1, HANDLE, handle
  return yield(WAIT)
end

function Context:enqueue_and_wait(request, handle, ...)
  check_request(self, request)
  local _, index = check_handle(self, handle)
  enqueue(self, request, index)
  if select("#", ...) > 0 then set_alarm(self, (...)) end
  return wait_for(self, index)
end

function Context:wait_handle(handle, ...)
  if self.mode ~= 0 then error("wait: cannot call while already in wait mode", 2) end
  local slot, index = check_handle(self, handle)
  if slot.state == IDLE then error("wait_handle called on unqueued handle", 2) end
  if select("#", ...) > 0 then set_alarm(self, (...)) end
  return wait_for(self, index)
end

function Context:wait_cond(count, mode, ...)
  if self.mode ~= 0 then error("wait_cond: cannot call while already in wait mode", 2) end
  count = math.tointeger(count)
  if count == nil or count < 0 then error("wait count for wait_cond must be a positive integer", 2) end
  mode = mode or ANY
  if mode ~= ANY and mode ~= OK and mode ~= GOOD and mode ~= FASTGOOD then error("invalid mode sent to wait_cond", 2) end
  self.done, self.wanted = 0, count
  if count == 0 then
    self.pending = self.pending + 1
    soon(self, true)
    return yield(WAIT)
  end
  self.mode = mode
  if select("#", ...) > 0 then set_alarm(self, (...)) end
  return yield(WAIT)
end

function Context:sleep(seconds)
  if self.mode ~= 0 then error("sleep: cannot call while already in wait mode", 2) end
  set_alarm(self, seconds)
  self.mode = SLEEP
  return yield(WAIT)
end

function Context:handle_set_cb(handle, callback)
  if type(callback) ~= "function" then error("a callback must be a function", 2) end
  check_handle(self, handle).callback = callback
end

function Context:res_good(handle)
  local slot = check_handle(self, handle)
  return slot.flags == RES_GOOD and slot.response or nil
end

function Context:res_ok(handle)
  local slot = check_handle(self, handle)
  return (slot.flags == RES_GOOD or slot.flags == RES_OK) and slot.response or nil
end

function Context:res_any(handle)
  local slot = check_handle(self, handle)
  return slot.flags ~= 0 and slot.response or nil
end

function Context:result(handle)
  local slot = check_handle(self, handle)
  if slot.flags == 0 then return nil, nil end
  return slot.response, slot.flags
end

-- The flag of a response grows with its badness: for the worst, the last of the highest counts.
local function choose(context, handles, is_better)
  if type(handles) ~= "table" then error("must pass a table of handles", 3) end
  local chosen
  for i = 1, rawlen(handles) do
    local slot = check_handle(context, handles[i])
    if slot.flags ~= 0 and (chosen == nil or is_better(slot.flags, chosen.flags)) then chosen = slot end
  end
  if chosen == nil then return nil, nil end
  return chosen.response, chosen.flags
end

function Context:best_result(handles)
  return choose(self, handles, function(new, old)
    return old ~= RES_GOOD and (new == RES_GOOD or new <= old)
  end)
end

function Context:worst_result(handles)
  return choose(self, handles, function(new, old) return new >= old end)
end

function Context:cfd() return self.slot end
function Context:tls_peer_cn() return nil end

local function count_object(context)
  context.objects = context.objects + 1
  if context.objects > context.generator.objects then
    error("rctx request or response object limit reached: raise 'u' in fgen:ready", 3)
  end
end

function Context:request_new()
  count_object(self)
  return setmetatable({ value_kind = N.NO_VALUE, is_edited = true }, N.Request)
end

function Context:response_new()
  count_object(self)
  return setmetatable({ call = 0, is_ok = false, status = 0, length = 0, time = 0 }, N.Response)
end
`;
