/** The Lua class `mcp.response`. A value stays with the proxy; Lua sees the first line. */

export const RESPONSE = `
local N = ...
local find, sub, match, gmatch = string.find, string.sub, string.match, string.gmatch

local Response = { __name = "mcp.response" }
Response.__index = Response
Response.__close = function() end
N.Response = Response

-- What a backend answered. The call tells the proxy which answer it is; quality is 2 without an error.
function N.new_response(call, quality, code, length, elapsed, line)
  return setmetatable(
    { call = call, is_ok = quality == 2, status = code, length = length, time = elapsed, text = line }, Response)
end

-- What a backend would have answered if there had been one.
function N.failed_response()
  return setmetatable({ call = 0, is_ok = false, status = N.mcp.MCMC_CODE_SERVER_ERROR, length = 0, time = 0, text = "" },
    Response)
end

function Response:ok() return self.is_ok end
function Response:hit() return self.is_ok and self.status ~= N.mcp.MCMC_CODE_END end
function Response:vlen() return self.length end
function Response:code() return self.status end
function Response:elapsed() return self.time end
function Response:close() end

local META <const> = { HD = true, VA = true, ME = true, EN = true, EX = true, NF = true, NS = true, MN = true }

-- The line after the word that says what kind of response it is, and after the length of a value.
local function rest_of(text)
  local word = match(text, "^[^ ]*")
  local rest = word == "VA" and match(text, "^VA +%d+ +(.+)") or match(text, "^[^ ]+ +(.+)")
  if word == "VA" and rest ~= nil and find(text, "^VA +%d+ *$") then rest = nil end
  return rest, META[word] == true
end

function Response:line() return (rest_of(self.text)) end

-- The flags of a meta response, with their tokens. Nil if it is none.
function N.flags_of(self)
  local rest, is_meta = rest_of(self.text)
  local flags = {}
  if not is_meta then return flags, false end
  for token in gmatch(rest or "", "[^ ]+") do flags[#flags + 1] = token end
  return flags, true
end

-- Overwrites a flag with spaces, so that the client does not see it.
function Response:flag_blank(flag)
  if type(flag) ~= "string" or #flag ~= 1 then error("request: meta flag must be a single character", 2) end
  if not find(flag, "^[A-z]$") then error("request: invalid flag, must be A-Z,a-z", 2) end
  local _, is_meta = rest_of(self.text)
  if not is_meta then return false end
  local first, last = find(self.text, " " .. flag .. "[^ ]*", 1)
  if first == nil then return false end
  self.text = sub(self.text, 1, first) .. string.rep(" ", last - first) .. sub(self.text, last + 1)
  self.is_edited = true
  return true
end
`;
