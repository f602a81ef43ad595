/** The Lua class `mcp.request`: a request's line, which a handler may read and edit. A line is split only when asked for. */

export const REQUEST = `
local N = ...
local find, sub, rep, gmatch, concat = string.find, string.sub, string.rep, string.gmatch, table.concat
local MAX_TOKENS <const> = 24
local MAX_LINE <const> = 1024

local Request = { __name = "mcp.request" }
Request.__index = Request
N.Request = Request

local OWN_VALUE <const>, NO_VALUE <const>, TEXT_VALUE <const>, RESPONSE_VALUE <const> = 1, 0, 2, 3
N.NO_VALUE, N.TEXT_VALUE, N.RESPONSE_VALUE = NO_VALUE, TEXT_VALUE, RESPONSE_VALUE

-- The line has no line end. The slot is the client's request whose answer this is for.
function N.new_request(slot, line, has_value)
  return setmetatable({ slot = slot, line = line, value_kind = has_value and OWN_VALUE or NO_VALUE }, Request)
end

local function tokens_of(self)
  local tokens = self.tokens
  if tokens == nil then
    tokens = {}
    local count = 0
    for token in gmatch(self.line, "[^ ]+") do
      count = count + 1
      tokens[count] = token
      if count == MAX_TOKENS then break end
    end
    self.tokens = tokens
  end
  return tokens
end
N.tokens_of = tokens_of

local function set_line(self, line)
  self.line, self.tokens, self.is_edited = line, nil, true
end

local function command_of(self)
  local command = self.number
  if command == nil then
    command = N.COMMANDS[tokens_of(self)[1]]
    self.number = command
  end
  return command
end

local function key_index(self)
  local name = tokens_of(self)[1]
  return (name == "gat" or name == "gats") and 3 or 2
end

-- The places of a token's first and last byte.
local function place_of(line, index)
  local first, last = 0, 0
  for _ = 1, index do
    first, last = find(line, "[^ ]+", last + 1)
    if first == nil then return nil end
  end
  return first, last
end

function Request:command() return command_of(self) end
function Request:key() return tokens_of(self)[key_index(self)] end
function Request:ntokens() return #tokens_of(self) end

function Request:ltrimkey(count)
  local first, last = place_of(self.line, key_index(self))
  if count > last - first + 1 then error("ltrimkey cannot zero out key", 2) end
  set_line(self, sub(self.line, 1, first - 1) .. rep(" ", count) .. sub(self.line, first + count))
  return true
end

function Request:rtrimkey(count)
  local first, last = place_of(self.line, key_index(self))
  if count > last - first + 1 then error("rtrimkey cannot zero out key", 2) end
  set_line(self, sub(self.line, 1, last - count) .. rep(" ", count) .. sub(self.line, last + 1))
  return true
end

-- Replaces a token; an empty text removes it.
local function replace(self, index, text)
  local tokens = tokens_of(self)
  local edited, count = {}, 0
  for i = 1, #tokens do
    local token = i == index and text or tokens[i]
    if token ~= "" then
      count = count + 1
      edited[count] = token
    end
  end
  local line = concat(edited, " ")
  if #line > MAX_LINE then error("token(): request malformed after edit", 3) end
  set_line(self, line)
end

function Request:token(index, text)
  if index == nil then return nil end
  local tokens = tokens_of(self)
  if index < 1 or index > #tokens then return nil end
  if text == nil then return tokens[index] end
  replace(self, index, tostring(text))
end

local function whole_number(text)
  return text ~= nil and find(text, "^[+-]?%d+$") and math.tointeger(tonumber(text)) or nil
end
N.whole_number = whole_number

function Request:token_int(index)
  return index ~= nil and whole_number(tokens_of(self)[index]) or nil
end

local function check_flag(flag)
  flag = tostring(flag)
  if #flag ~= 1 then error("request: meta flag must be a single character", 3) end
  if not find(flag, "^[A-z]$") then error("request: invalid flag, must be A-Z,a-z", 3) end
  return flag
end

local META <const> = { mg = 3, ms = 4, md = 3, ma = 3, me = 3 }

-- The index of a flag's token. Only meta requests have flags.
local function flag_index(self, flag)
  local tokens = tokens_of(self)
  local first = META[tokens[1]]
  if first == nil then return nil end
  for i = first, #tokens do
    if sub(tokens[i], 1, 1) == flag then return i end
  end
end
N.flag_index = flag_index

function Request:has_flag(flag) return flag_index(self, check_flag(flag)) ~= nil end

function Request:flag_token(flag, text)
  local index = flag_index(self, check_flag(flag))
  if index == nil then return false end
  local token = tokens_of(self)[index]
  if type(text) == "string" or type(text) == "number" then replace(self, index, tostring(text)) end
  if #token > 1 then return true, sub(token, 2) end
  return true
end

function Request:flag_token_int(flag)
  local index = flag_index(self, check_flag(flag))
  if index == nil then return false end
  local token = tokens_of(self)[index]
  if #token > 1 then return true, whole_number(sub(token, 2)) end
  return true
end

local function flag_text(token)
  if token == nil then return "" end
  if type(token) == "string" or math.type(token) == "integer" then return tostring(token) end
  if math.tointeger(token) then return tostring(math.tointeger(token)) end
  error("request: invalid flag argument", 3)
end

local function append(self, text)
  if #tokens_of(self) >= MAX_TOKENS then return false end
  local line = self.line .. " " .. text
  if #line > MAX_LINE then return false end
  set_line(self, line)
  return true
end

function Request:flag_add(flag, token)
  flag = check_flag(flag)
  if flag_index(self, flag) ~= nil then return false end
  return append(self, flag .. flag_text(token))
end

function Request:flag_set(flag, token)
  flag = check_flag(flag)
  local text = flag .. flag_text(token)
  local index = flag_index(self, flag)
  if index == nil then return append(self, text) end
  replace(self, index, text)
  return true
end

function Request:flag_replace(flag, other, token)
  local text = check_flag(other) .. flag_text(token)
  local index = flag_index(self, check_flag(flag))
  if index == nil then return append(self, text) end
  replace(self, index, text)
  return true
end

function Request:flag_del(flag)
  local index = flag_index(self, check_flag(flag))
  if index == nil then return false end
  replace(self, index, "")
  return true
end

-- True if the response repeats this request's key and opaque, as far as it has them.
function Request:match_res(response)
  local flags = N.flags_of(response)
  local matched = false
  for i = 1, #flags do
    local letter, token = sub(flags[i], 1, 1), sub(flags[i], 2)
    local wanted
    if letter == "k" then wanted = self:key()
    elseif letter == "O" then
      local index = flag_index(self, "O")
      wanted = index and sub(tokens_of(self)[index], 2)
    end
    if letter == "k" or letter == "O" then
      if wanted == nil or wanted == "" then return false, nil end
      if wanted ~= token then return false, token end
      matched = true
    end
  end
  return matched, nil
end

-- A request that a handler makes up. The value is a text with its line end, or a response whose value is copied.
function N.mcp.request(line, value)
  local text = string.gsub(line, "\\r?\\n$", "")
  if #text > MAX_LINE - 2 then error("request length too long", 2) end
  local request = N.new_request(0, text, false)
  request.is_edited = true
  if command_of(request) == nil or (value == nil and #tokens_of(request) < 2) then
    error("failed to parse request", 2)
  end
  if type(value) == "string" then
    if sub(value, -2) ~= "\\r\\n" then error("value passed to mcp.request must end with \\\\r\\\\n", 2) end
    request.value_kind, request.value = TEXT_VALUE, value
  elseif getmetatable(value) == N.Response then
    request.value_kind, request.value = RESPONSE_VALUE, value
  elseif value ~= nil then
    error("only a string or a response can be the value of a request", 2)
  end
  return request
end
`;
