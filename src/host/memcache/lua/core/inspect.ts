/** Inspectors and mutators of requests and responses: what to read or write is said once, and done with one call. */

export const INSPECT = `
local N = ...
local mcp, sub, find, concat = N.mcp, string.sub, string.find, table.concat

local function is_request(value) return getmetatable(value) == N.Request end
local function is_response(value) return getmetatable(value) == N.Response end

-- The token of a flag: nil if there is no such flag, an empty text if it has none.
local function flag_of(object, flag)
  if is_request(object) then
    local index = N.flag_index(object, flag)
    return index and sub(N.tokens_of(object)[index], 2)
  end
  for _, each in ipairs((N.flags_of(object))) do
    if sub(each, 1, 1) == flag then return sub(each, 2) end
  end
end

local function check_flag(step, number)
  local flag = step.flag
  if flag == nil then error("step " .. number .. ": must provide 'flag' argument", 4) end
  if #tostring(flag) ~= 1 then error("step " .. number .. ": 'flag' must be a single character", 4) end
  if not find(flag, "^[A-Za-z]$") then error("step " .. number .. ": 'flag' must be alphanumeric", 4) end
end

local function check_text(step, number, name)
  local text = step[name]
  if text == nil then error("step " .. number .. ": must provide '" .. name .. "' argument", 4) end
  if #tostring(text) < 1 then error("step " .. number .. ": '" .. name .. "' must have nonzero length", 4) end
end

local function check_index(step, number)
  if step.idx == nil then error("step " .. number .. ": must provide 'idx' argument", 4) end
  if math.type(step.idx) ~= "integer" then error("step " .. number .. ": must provide 'idx' argument as an integer", 4) end
  if step.idx < 1 then error("step " .. number .. ": 'idx' argument must be greater than 0", 4) end
end

-- The part of a key at a position, counted from 1, between separators.
local function key_part(key, separator, position)
  local at = 1
  while sub(key, at, at) == separator do at = at + 1 end
  for _ = 2, position do
    local next_at = find(key, separator, at, true)
    if next_at == nil then return nil end
    at = next_at + 1
  end
  local stop = find(key, separator, at, true)
  local part = sub(key, at, stop and stop - 1 or -1)
  return part ~= "" and part or nil
end

local BOTH <const>, REQUEST <const>, RESPONSE <const> = "both", "request", "response"

local inspections = {
  sepkey = {
    of = REQUEST, results = 1,
    check = function(step, number)
      if step.sep ~= nil and #step.sep ~= 1 then error("step " .. number .. ": separator must be one character", 3) end
      if step.pos ~= nil and type(step.pos) ~= "number" then error("step " .. number .. ": 'pos' must be a number", 3) end
      if step.map ~= nil and type(step.map) ~= "table" then error("step " .. number .. ": 'map' must be a table", 3) end
    end,
    run = function(object, step)
      local part = key_part(object:key(), step.sep or "/", step.pos or 1)
      if part == nil or step.map == nil then return part end
      return step.map[part]
    end,
  },
  keybegin = {
    of = REQUEST, results = 1,
    check = function(step, number) check_text(step, number, "str") end,
    run = function(object, step)
      local key = object:key()
      return #step.str < #key and sub(key, 1, #step.str) == step.str
    end,
  },
  keyis = {
    of = REQUEST, results = 1,
    check = function(step, number) check_text(step, number, "str") end,
    run = function(object, step) return object:key() == step.str end,
  },
  hasflag = {
    of = BOTH, results = 1, check = check_flag,
    run = function(object, step)
      if is_response(object) then
        local _, is_meta = N.flags_of(object)
        if not is_meta then error("inspector error: response is not meta protocol", 0) end
      end
      return flag_of(object, step.flag) ~= nil
    end,
  },
  flagtoken = {
    of = BOTH, results = 2, check = check_flag,
    run = function(object, step)
      local token = flag_of(object, step.flag)
      return token ~= nil, token
    end,
  },
  flagint = {
    of = BOTH, results = 2, check = check_flag,
    run = function(object, step)
      local token = flag_of(object, step.flag)
      return token ~= nil, token and N.whole_number(token)
    end,
  },
  flagis = {
    of = BOTH, results = 2,
    check = function(step, number)
      check_flag(step, number)
      check_text(step, number, "str")
    end,
    run = function(object, step)
      local token = flag_of(object, step.flag)
      if token == nil then return false, nil end
      return true, token == step.str
    end,
  },
}

local function check_steps(known, wanted, ...)
  local steps = { ... }
  for number, step in ipairs(steps) do
    if type(step) ~= "table" then error("step " .. number .. " is no table", 3) end
    local entry = known[step.t]
    if entry == nil then error("step " .. number .. ": unknown step type", 3) end
    if entry.of ~= BOTH and entry.of ~= wanted then error("step " .. number .. ": step incompatible with its type", 3) end
    if entry.check ~= nil then entry.check(step, number) end
  end
  return steps
end

local function new_inspector(wanted, accepts, ...)
  local steps = check_steps(inspections, wanted, ...)
  local count = #steps
  return function(object)
    if not accepts(object) then error("inspector: unexpected object", 2) end
    local results, n = {}, 0
    for i = 1, count do
      local entry = inspections[steps[i].t]
      results[n + 1], results[n + 2] = entry.run(object, steps[i])
      n = n + entry.results
    end
    return table.unpack(results, 1, n)
  end
end

function mcp.req_inspector_new(...) return new_inspector(REQUEST, is_request, ...) end
function mcp.res_inspector_new(...) return new_inspector(RESPONSE, is_response, ...) end

local NULL <const> = {
  mg = "EN", me = "EN", ms = "NS", md = "NF", ma = "NF", get = "END", gets = "END", gat = "END", gats = "END",
  incr = "NOT_FOUND", decr = "NOT_FOUND", touch = "NOT_FOUND", delete = "NOT_FOUND",
}
local ERRORS <const> = { error = "ERROR", client = "CLIENT_ERROR", server = "SERVER_ERROR" }

-- Each writes into a table: words by position, and the value. Returns false if an argument does not fit.
local mutations = {
  cmdset = {
    of = REQUEST,
    check = function(step, number)
      check_text(step, number, "cmd")
      if #step.cmd > 20 then error("step " .. number .. ": 'cmd' too long", 3) end
    end,
    run = function(into, step) into[#into + 1] = step.cmd end,
  },
  cmdcopy = {
    of = REQUEST, check = check_index,
    run = function(into, _, from)
      if is_request(from) then from = N.tokens_of(from)[1] end
      if type(from) ~= "string" then return false end
      into[#into + 1] = from
    end,
  },
  keyset = {
    of = REQUEST, check = function(step, number) check_text(step, number, "val") end,
    run = function(into, step) into[#into + 1] = tostring(step.val) end,
  },
  keycopy = {
    of = REQUEST, check = check_index,
    run = function(into, _, from)
      if is_request(from) then from = from:key() end
      if type(from) ~= "string" then return false end
      into[#into + 1] = from
    end,
  },
  resnull = {
    of = RESPONSE, check = check_index,
    run = function(into, _, from)
      if not is_request(from) then return false end
      into[#into + 1] = NULL[N.tokens_of(from)[1]] or "NOT_STORED"
    end,
  },
  rescodeset = {
    of = RESPONSE, check = function(step, number) check_text(step, number, "val") end,
    run = function(into, step) into[#into + 1] = tostring(step.val) end,
  },
  rescodecopy = {
    of = RESPONSE, check = check_index,
    run = function(into, _, from)
      if is_response(from) then from = string.match(from.text or "", "^[^ ]+") end
      if type(from) ~= "string" then return false end
      into[#into + 1] = from
    end,
  },
  reserr = {
    of = RESPONSE,
    check = function(step, number)
      if ERRORS[step.code] == nil then
        error("step " .. number .. ": code must be 'error', server', or 'client'", 3)
      end
    end,
    run = function(into, step)
      into[#into + 1] = ERRORS[step.code]
      if step.msg ~= nil then into[#into + 1] = step.msg end
    end,
  },
  flagset = {
    of = BOTH, check = check_flag,
    run = function(into, step) into[#into + 1] = step.flag .. (step.val == nil and "" or tostring(step.val)) end,
  },
  flagcopy = {
    of = BOTH,
    check = function(step, number)
      check_flag(step, number)
      check_index(step, number)
    end,
    run = function(into, step, from)
      local token = from
      if is_request(from) or is_response(from) then token = flag_of(from, step.flag) or "" end
      if type(token) ~= "string" then return false end
      into[#into + 1] = step.flag .. token
    end,
  },
  valcopy = {
    of = BOTH, check = check_index,
    run = function(into, _, from)
      if type(from) == "string" then
        into.value = from
        into[#into + 1] = tostring(#from - 2)
      elseif is_response(from) then
        into.from = from
        into[#into + 1] = tostring(from.length)
      else
        return false
      end
    end,
  },
}

local function parts_of(steps, ...)
  local into, count = {}, select("#", ...)
  for i = 1, #steps do
    local step = steps[i]
    local argument
    if step.idx ~= nil then
      if step.idx > count then return nil end
      argument = (select(step.idx, ...))
    end
    if mutations[step.t].run(into, step, argument) == false then return nil end
  end
  return into
end

function mcp.req_mutator_new(...)
  local steps = check_steps(mutations, REQUEST, ...)
  return function(request, ...)
    if not is_request(request) then error("mutator: a request is expected", 2) end
    local parts = parts_of(steps, ...)
    if parts == nil then return false end
    request.line, request.tokens, request.number, request.is_edited = concat(parts, " "), nil, nil, true
    request.value_kind, request.value = N.NO_VALUE, nil
    if parts.value ~= nil then request.value_kind, request.value = N.TEXT_VALUE, parts.value
    elseif parts.from ~= nil then request.value_kind, request.value = N.RESPONSE_VALUE, parts.from end
    return N.COMMANDS[N.tokens_of(request)[1]] ~= nil
  end
end

function mcp.res_mutator_new(...)
  local steps = check_steps(mutations, RESPONSE, ...)
  return function(response, ...)
    if not is_response(response) then error("mutator: a response is expected", 2) end
    local parts = parts_of(steps, ...)
    if parts == nil then return false end
    local line = concat(parts, " ")
    local word = parts[1]
    response.text, response.length = line, 0
    response.is_ok = find(word, "ERROR") == nil
    response.status = N.CODES[word] or mcp.MCMC_CODE_OK
    response.composed, response.value_of = line .. "\\r\\n", nil
    if parts.value ~= nil then response.composed = response.composed .. parts.value
    elseif parts.from ~= nil then response.composed, response.value_of = nil, parts.from end
    return true
  end
end
`;
